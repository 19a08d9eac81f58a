// Package actors is the actors of a node: modules with a name, a mailbox and durable
// memory, that outlive the machines they run on.
//
//	host, err := actors.New(actors.Config{Self: id, Key: key, Dir: dir, Network: transport, Engine: engine, Modules: modules})
//	...
//	err = host.Run(ctx)
//
//	status, err := host.Create(ctx, actors.CreateOptions{Name: "counter", Module: module})
//	reply, err := host.Ask(ctx, "counter", []byte("inc"), actors.MessageOptions{})
package actors
