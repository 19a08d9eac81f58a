package main

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/godwit-run/godwit/internal/api"
)

// remote is how a command finds its node, and asks it.
type remote struct {
	config api.ClientConfig
}

// register adds the flags to a noun, for all its verbs.
func (r *remote) register(noun *cobra.Command) {
	fs := noun.PersistentFlags()
	fs.StringVar(&r.config.URL, "api", "", "`URL` of the node (default $GODWIT_API, else "+api.DefaultURL+")")
	fs.StringVar(&r.config.Token, "token", "", "token of the node's API (default $GODWIT_TOKEN)")
	fs.StringVar(&r.config.CA, "tls-ca", "", "`FILE` with the authorities to trust for https (default $GODWIT_TLS_CA, else the system's)")
	fs.StringVar(&r.config.Cert, "tls-cert", "", "`FILE` with this client's certificate (default $GODWIT_TLS_CERT)")
	fs.StringVar(&r.config.Key, "tls-key", "", "`FILE` with its key (default $GODWIT_TLS_KEY)")
}

// connect makes a client of what flags, and else the environment, say.
func (r *remote) connect() (*api.Client, error) {
	c := r.config
	for _, v := range []struct {
		field *string
		name  string
	}{
		{&c.URL, "GODWIT_API"}, {&c.Token, "GODWIT_TOKEN"},
		{&c.CA, "GODWIT_TLS_CA"}, {&c.Cert, "GODWIT_TLS_CERT"}, {&c.Key, "GODWIT_TLS_KEY"},
	} {
		if *v.field == "" {
			*v.field = os.Getenv(v.name)
		}
	}
	return api.NewClient(c)
}

// asks makes the body of a command that asks its node: with a client, and until
// the first signal.
func (r *remote) asks(do func(*session, []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		client, err := r.connect()
		if err != nil {
			return err
		}
		defer client.Close()
		ctx, letGo := withSignals(cmd.Context())
		defer letGo()
		return do(&session{Client: client, ctx: ctx, out: cmd.OutOrStdout()}, args)
	}
}
