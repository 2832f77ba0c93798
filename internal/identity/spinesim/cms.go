package spinesim

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"
)

// The structures of RFC 5652 as a server reads them. They are this package's own: the client's reading what the client
// has written would prove nothing.
type outer struct {
	Type    asn1.ObjectIdentifier
	Content asn1.RawValue `asn1:"explicit,tag:0"`
}

type signed struct {
	Version      int
	Digests      []pkix.AlgorithmIdentifier `asn1:"set"`
	Content      inner
	Certificates asn1.RawValue `asn1:"optional,tag:0"`
	CRLs         asn1.RawValue `asn1:"optional,tag:1"`
	Signers      []signer      `asn1:"set"`
}

type inner struct {
	Type    asn1.ObjectIdentifier
	Content []byte `asn1:"explicit,optional,tag:0"`
}

type signer struct {
	Version   int
	Issuer    issuer
	Digest    pkix.AlgorithmIdentifier
	Attrs     asn1.RawValue `asn1:"optional,tag:0"`
	Algorithm pkix.AlgorithmIdentifier
	Signature []byte
	Unsigned  asn1.RawValue `asn1:"optional,tag:1"`
}

type issuer struct {
	Name   asn1.RawValue
	Serial *big.Int
}

var (
	typeData   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}
	typeSigned = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}

	digestNames = map[string]crypto.Hash{"1.3.14.3.2.26": crypto.SHA1, "2.16.840.1.101.3.4.2.1": crypto.SHA256}
	// What a signature by RSA is called: of itself, or along with its digest.
	signatureNames = map[string]crypto.Hash{
		"1.2.840.113549.1.1.1":  0,
		"1.2.840.113549.1.1.5":  crypto.SHA1,
		"1.2.840.113549.1.1.11": crypto.SHA256,
	}
)

// A verifier checks signed challenges.
type verifier struct {
	cas     *x509.CertPool
	digests []crypto.Hash
}

// verify checks that der is content signed by the card of uid: exactly one signature over the content itself, by a
// certificate in it that one of the CAs has issued, valid now, for signing in, with uid as its CN. What is wrong is
// said as a server's log would say it.
func (v verifier) verify(der, content []byte, uid string, now time.Time) error {
	s, err := parseSigned(der)
	if err != nil {
		return err
	}
	switch {
	case !bytes.Equal(s.Content.Content, content):
		return errors.New("what is signed isn't the challenge")
	case len(s.Signers) != 1:
		return fmt.Errorf("it has %d signatures, not one", len(s.Signers))
	case len(s.Signers[0].Attrs.FullBytes) > 0:
		return errors.New("it has signed attributes: the challenge itself is what is signed")
	}
	certificates, err := x509.ParseCertificates(s.Certificates.Bytes)
	if err != nil {
		return fmt.Errorf("its certificates can't be read: %w", err)
	}
	who := s.Signers[0]
	i := slices.IndexFunc(certificates, func(c *x509.Certificate) bool {
		return bytes.Equal(c.RawIssuer, who.Issuer.Name.FullBytes) && who.Issuer.Serial != nil && c.SerialNumber.Cmp(who.Issuer.Serial) == 0
	})
	if i < 0 {
		return errors.New("the signer's certificate isn't in it")
	}
	if err := v.trust(certificates[i], certificates, uid, now); err != nil {
		return err
	}
	return v.signature(who, certificates[i], content)
}

// parseSigned reads the structure, DER alone and nothing behind it.
func parseSigned(der []byte) (*signed, error) {
	var o outer
	if rest, err := asn1.Unmarshal(der, &o); err != nil || len(rest) > 0 || !o.Type.Equal(typeSigned) {
		return nil, errors.New("the response is no SignedData of CMS in DER")
	}
	var s signed
	if rest, err := asn1.Unmarshal(o.Content.Bytes, &s); err != nil || len(rest) > 0 {
		return nil, errors.New("the SignedData can't be read")
	}
	if !s.Content.Type.Equal(typeData) {
		return nil, errors.New("the signed content isn't of the type data")
	}
	return &s, nil
}

// trust checks whose certificate it is.
func (v verifier) trust(c *x509.Certificate, others []*x509.Certificate, uid string, now time.Time) error {
	between := x509.NewCertPool()
	for _, other := range others {
		between.AddCert(other)
	}
	_, err := c.Verify(x509.VerifyOptions{
		Roots: v.cas, Intermediates: between, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	switch {
	case err != nil:
		return fmt.Errorf("the card's certificate isn't trusted: %w", err)
	case c.Subject.CommonName != uid:
		return fmt.Errorf("the card is that of %q, not of uid %q", c.Subject.CommonName, uid)
	case c.KeyUsage&x509.KeyUsageContentCommitment != 0 || c.KeyUsage != 0 && c.KeyUsage&x509.KeyUsageDigitalSignature == 0:
		return errors.New("it is signed with a certificate that isn't for signing in")
	}
	return nil
}

// signature checks the signature itself. Parameters of algorithms are not looked at: OpenSSL leaves the NULL out.
func (v verifier) signature(s signer, c *x509.Certificate, content []byte) error {
	key, ok := c.PublicKey.(*rsa.PublicKey)
	if !ok {
		return errors.New("the card's key isn't RSA")
	}
	digest, ok := digestNames[s.Digest.Algorithm.String()]
	if !ok || !slices.Contains(v.digests, digest) {
		return fmt.Errorf("the digest %v isn't accepted", s.Digest.Algorithm)
	}
	if with, ok := signatureNames[s.Algorithm.Algorithm.String()]; !ok || with != 0 && with != digest {
		return fmt.Errorf("the signature algorithm %v isn't accepted", s.Algorithm.Algorithm)
	}
	h := digest.New()
	h.Write(content)
	if rsa.VerifyPKCS1v15(key, digest, h.Sum(nil), s.Signature) != nil {
		return errors.New("the signature is wrong")
	}
	return nil
}

// unwrap takes the signed object out of the decoded response: a MIME text. Its head isn't looked at, since clients
// write it in many ways (indented, folded, with CRLF, none at all): the object is the first run of lines that are
// base64 and begin as DER does. DER without a text around it is taken, too.
func unwrap(response []byte) ([]byte, error) {
	if len(response) > 1 && response[0] == 0x30 && response[1]&0x80 != 0 {
		return response, nil
	}
	var blob strings.Builder
	for line := range strings.Lines(string(response)) {
		line = strings.TrimSpace(line)
		switch {
		case blob.Len() == 0 && !strings.HasPrefix(line, "MI"): // 30 82, 30 80 to 83
			continue
		case !isBase64(line):
			if blob.Len() > 0 {
				return decodeBlob(blob.String())
			}
		default:
			blob.WriteString(line)
		}
	}
	return decodeBlob(blob.String())
}

func decodeBlob(text string) ([]byte, error) {
	der, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(der) == 0 {
		return nil, errors.New("the response has no object in base64")
	}
	return der, nil
}

// isBase64 says whether a line can be one of base64.
func isBase64(line string) bool {
	return line != "" && strings.Trim(line, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=") == ""
}
