package actors

type (
	ActorID   = [16]byte
	MessageID = [16]byte
	Spec      struct{}
)

// MaxReplicas bounds the replicas of an actor.
const MaxReplicas = 7
