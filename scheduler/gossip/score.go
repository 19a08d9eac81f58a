package gossip

import (
	"time"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/peer"
)

// scores are how peers are judged by what they send (gossipsub v1.1, peer
// scoring). What counts is invalid messages and misbehaviour in the protocol:
// volume says nothing where a node has little to say, and addresses say nothing
// where a whole mesh may sit behind one.
func scores() (*pubsub.PeerScoreParams, *pubsub.PeerScoreThresholds) {
	topic := func() *pubsub.TopicScoreParams {
		return &pubsub.TopicScoreParams{
			TopicWeight:       1,
			TimeInMeshWeight:  0.001,
			TimeInMeshQuantum: time.Second,
			TimeInMeshCap:     3600,

			FirstMessageDeliveriesWeight: 0.1,
			FirstMessageDeliveriesDecay:  pubsub.ScoreParameterDecay(10 * time.Minute),
			FirstMessageDeliveriesCap:    50,

			// Five bad messages silence a peer, twenty make it unheard.
			InvalidMessageDeliveriesWeight: -1,
			InvalidMessageDeliveriesDecay:  pubsub.ScoreParameterDecay(10 * time.Minute),
		}
	}
	params := &pubsub.PeerScoreParams{
		Topics:           map[string]*pubsub.TopicScoreParams{topicVectors: topic(), topicModels: topic(), topicRequests: topic()},
		TopicScoreCap:    10,
		AppSpecificScore: func(peer.ID) float64 { return 0 },

		BehaviourPenaltyWeight:    -1,
		BehaviourPenaltyThreshold: 6,
		BehaviourPenaltyDecay:     pubsub.ScoreParameterDecay(10 * time.Minute),

		DecayInterval: time.Second,
		DecayToZero:   0.01,
		RetainScore:   30 * time.Minute,
	}
	thresholds := &pubsub.PeerScoreThresholds{
		GossipThreshold:             -15,
		PublishThreshold:            -50,
		GraylistThreshold:           -400,
		AcceptPXThreshold:           5,
		OpportunisticGraftThreshold: 1,
	}
	return params, thresholds
}
