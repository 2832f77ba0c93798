package spinesim

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"time"

	"golang.org/x/net/netutil"
)

// Listen says where a server is to be found. The zero value is two free ports of 127.0.0.1 and a certificate that is
// made for it.
type Listen struct {
	Address     string           // host:port of CIS1; default 127.0.0.1:0
	Control     string           // host:port of the control API, loopback alone; default 127.0.0.1:0
	Hosts       []string         // names and addresses of the certificate, beside localhost, 127.0.0.1 and ::1
	Certificate *tls.Certificate // instead of the one that is made
}

// Running is a server that listens.
type Running struct {
	URL        string         // https://ADDRESS of CIS1
	ControlURL string         // http://ADDRESS of the control API
	CAPEM      []byte         // the CA of a certificate that was made; nil where one was given
	CAs        *x509.CertPool // the same for clients in Go

	servers []*http.Server
}

// maxConnections bounds how many clients are served at once.
const maxConnections = 1024

// Start makes the server listen. Close ends it.
func (s *Server) Start(l Listen) (*Running, error) {
	r := &Running{}
	certificate := l.Certificate
	if certificate == nil {
		made, ca, err := makeCertificate(append([]string{"localhost", "127.0.0.1", "::1"}, l.Hosts...), time.Now())
		if err != nil {
			return nil, fmt.Errorf("making the server's certificate: %w", err)
		}
		certificate, r.CAPEM, r.CAs = made, ca, x509.NewCertPool()
		r.CAs.AppendCertsFromPEM(ca)
	}
	main, err := net.Listen("tcp", cmp.Or(l.Address, "127.0.0.1:0"))
	if err != nil {
		return nil, fmt.Errorf("listening for CIS1: %w", err)
	}
	control, err := listenControl(cmp.Or(l.Control, "127.0.0.1:0"))
	if err != nil {
		_ = main.Close()
		return nil, fmt.Errorf("listening for control: %w", err)
	}
	r.URL, r.ControlURL = "https://"+main.Addr().String(), "http://"+control.Addr().String()
	secured := tls.NewListener(netutil.LimitListener(main, maxConnections), s.tlsConfig(certificate))
	r.serve(secured, s.Handler())
	r.serve(netutil.LimitListener(control, maxConnections), s.Control())
	return r, nil
}

// serve answers at a listener until Close.
func (r *Running) serve(l net.Listener, handler http.Handler) {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      maxSlow + 30*time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          log.New(io.Discard, "", 0), // failed handshakes are the clients' to tell
	}
	r.servers = append(r.servers, server)
	go func() { _ = server.Serve(l) }()
}

// Close stops listening, gives requests under way a second, and ends their connections.
func (r *Running) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	var all []error
	for _, s := range r.servers {
		if s.Shutdown(ctx) != nil {
			all = append(all, s.Close())
		}
	}
	return errors.Join(all...)
}

// tlsConfig is TLS 1.2 and later, or, while that fault happens, 1.1 and earlier.
func (s *Server) tlsConfig(certificate *tls.Certificate) *tls.Config {
	good := &tls.Config{Certificates: []tls.Certificate{*certificate}, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}
	old := &tls.Config{Certificates: good.Certificates, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11} //nolint:gosec // it is the fault
	config := good.Clone()
	config.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		for _, f := range s.faults.list() {
			if f.Name == "old-tls" {
				return old, nil
			}
		}
		return good, nil
	}
	return config
}

// makeCertificate makes a CA and a server's certificate by it, both for a year, and forgets the CA's key.
func makeCertificate(hosts []string, now time.Time) (*tls.Certificate, []byte, error) {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "spinesim CA " + rand.Text()[:6]},
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(1, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	caDER, err := x509.CreateCertificate(rand.Reader, template, template, caKey.Public(), caKey)
	if err != nil {
		return nil, nil, err
	}
	ca, err := x509.ParseCertificate(caDER)
	if err != nil {
		return nil, nil, err
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "spinesim"},
		NotBefore: template.NotBefore, NotAfter: template.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			leaf.IPAddresses = append(leaf.IPAddresses, ip)
		} else {
			leaf.DNSNames = append(leaf.DNSNames, host)
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, ca, key.Public(), caKey)
	if err != nil {
		return nil, nil, err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: caDER})
	return &tls.Certificate{Certificate: [][]byte{der, caDER}, PrivateKey: key}, text, nil
}
