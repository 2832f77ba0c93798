package main

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"nhos.org/nhos/internal/identity/spinesim"
	"nhos.org/nhos/internal/ui"
)

// serveFlags are what serve is asked for.
type serveFlags struct {
	listen, control, people           string
	cardCAs, hosts, digests           []string
	certificate, key                  string
	writeCA, writeEnvironment         string
	sessionTime, maxSession, lifetime time.Duration
	json                              bool
}

func newServe() *cobra.Command {
	f := &serveFlags{}
	c := &cobra.Command{
		Use: "serve", Short: "Serve until it is interrupted",
		Long: `serve plays the Spine until it is interrupted. When it listens it prints where; then a line of its log for each login, selection,
logout and refusal, without tickets.

It makes a certificate for itself by a CA of its own, which --write-ca writes for clients to trust, unless --cert names one.`,
		Example: `  spinesim serve --card-ca cards/ca.pem
  spinesim serve --card-ca cards/ca.pem --write-ca server-ca.pem --write-environment environments.yaml
  spinesim serve --card-ca cards/ca.pem --listen 0.0.0.0:8443 --host spine.training.example.org --people people.yaml`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return f.run(c) },
	}
	p := c.Flags()
	p.StringVar(&f.listen, "listen", "127.0.0.1:8443", "`address` that clients connect to")
	p.StringVar(&f.control, "control", defaultControl, "`address` of the control API; this computer's alone")
	p.StringVar(&f.people, "people", "", "`file` of people and organisations (default: invented ones)")
	p.StringArrayVar(&f.cardCAs, "card-ca", nil, "`file` of a CA (PEM) whose cards are taken; may be given again")
	p.StringArrayVar(&f.hosts, "host", nil, "`name` or address that the certificate is for, beside localhost; may be given again")
	p.StringSliceVar(&f.digests, "digest", []string{"sha1", "sha256"}, "`digests` of signatures that are taken")
	p.StringVar(&f.certificate, "cert", "", "`file` of the server's certificate (PEM) and those between it and its CA")
	p.StringVar(&f.key, "key", "", "`file` of its key (PEM)")
	p.StringVar(&f.writeCA, "write-ca", "", "`file` to write the CA of the server's certificate to")
	p.StringVar(&f.writeEnvironment, "write-environment", "", "`file` to write an environment for clients to; needs --write-ca")
	p.DurationVar(&f.lifetime, "challenge-time", 2*time.Minute, "how long a challenge is good")
	p.DurationVar(&f.sessionTime, "session-time", 10*time.Hour, "until an idle session ends, in whole minutes")
	p.DurationVar(&f.maxSession, "max-session-time", 10*time.Hour, "until any session ends, in whole minutes")
	p.BoolVar(&f.json, "json", false, "write JSON, for programs")
	return c
}

func (f *serveFlags) run(c *cobra.Command) error {
	options, err := f.options(c.OutOrStdout())
	if err != nil {
		return err
	}
	listen := spinesim.Listen{Address: f.listen, Control: f.control, Hosts: f.hosts}
	if f.certificate != "" || f.key != "" {
		pair, err := tls.LoadX509KeyPair(f.certificate, f.key)
		if err != nil {
			return fmt.Errorf("reading the server's certificate and key: %w", err)
		}
		listen.Certificate = &pair
	}
	sim, err := spinesim.New(options)
	if err != nil {
		return err
	}
	running, err := sim.Start(listen)
	if err != nil {
		return err
	}
	defer func() { _ = running.Close() }()
	if err := f.tell(c.OutOrStdout(), running); err != nil {
		return err
	}
	<-c.Context().Done()
	return nil // being interrupted is how it ends
}

// options are what the flags say of the server.
func (f *serveFlags) options(log io.Writer) (spinesim.Options, error) {
	o := spinesim.Options{Challenge: f.lifetime, SessionTime: f.sessionTime, MaxSession: f.maxSession}
	if len(f.cardCAs) == 0 {
		return o, ui.Usage(ui.Hint(errors.New("no --card-ca: it would take no card"), "spinesim card new --dir cards makes cards and cards/ca.pem"))
	}
	if f.writeEnvironment != "" && f.writeCA == "" {
		return o, ui.Usage(errors.New("--write-environment without --write-ca: an environment names the file of the CA"))
	}
	for _, file := range f.cardCAs {
		cas, err := readCAs(file)
		if err != nil {
			return o, err
		}
		o.CardCAs = append(o.CardCAs, cas...)
	}
	for _, name := range f.digests {
		digest, ok := map[string]crypto.Hash{"sha1": crypto.SHA1, "sha256": crypto.SHA256}[name]
		if !ok {
			return o, ui.Usage(ui.Hint(fmt.Errorf("unknown digest %q", name), "digests are sha1, sha256"))
		}
		o.Digests = append(o.Digests, digest)
	}
	var err error
	if o.People, err = people(f.people); err != nil {
		return o, err
	}
	if f.json {
		o.Log = slog.New(slog.NewJSONHandler(log, nil))
	} else {
		o.Log = slog.New(slog.NewTextHandler(log, nil))
	}
	return o, nil
}

// readCAs reads the certificates of a PEM file.
func readCAs(file string) ([]*x509.Certificate, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading the CA of cards: %w", err)
	}
	var all []*x509.Certificate
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		ca, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("reading the CA of cards: %s: %w", file, err)
		}
		all = append(all, ca)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("reading the CA of cards: %s has no certificate (PEM)", file)
	}
	return all, nil
}

// tell says where the server is, in the files that were asked for, too.
func (f *serveFlags) tell(w io.Writer, running *spinesim.Running) error {
	if f.writeCA != "" && running.CAPEM == nil {
		return ui.Usage(errors.New("--write-ca with --cert: the CA of that certificate isn't known here"))
	}
	if err := write(f.writeCA, running.CAPEM); err != nil {
		return err
	}
	if f.writeEnvironment != "" {
		ca, err := filepath.Abs(f.writeCA)
		if err != nil {
			return err
		}
		text := fmt.Sprintf("environments:\n  spinesim:\n    title: spinesim, for training\n    login: %s\n    training: true\n    ca_file: %q\n", running.URL, ca)
		if err := write(f.writeEnvironment, []byte(text)); err != nil {
			return err
		}
	}
	if f.json {
		return ui.WriteJSON(w, map[string]string{"url": running.URL, "control": running.ControlURL})
	}
	_, err := fmt.Fprintf(w, "Serving CIS1 at %s, control at %s\n", running.URL, running.ControlURL)
	return err
}
