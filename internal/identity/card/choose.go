package card

import (
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"regexp"
	"slices"
	"time"
)

// slotAuthentication is where a PIV card keeps the certificate for authentication (NIST SP 800-73-4, table 4b).
const slotAuthentication = "9A"

var (
	uidForm       = regexp.MustCompile(`^[0-9]{12}$`)
	oidCommonName = asn1.ObjectIdentifier{2, 5, 4, 3}
)

// Choose gives the certificate that signs the card's holder in at a time, or a *CertificateError that says why none
// does.
//
// It goes by what a certificate is for: digitalSignature and not contentCommitment (that one signs prescriptions), and
// a holder's number of 12 digits. Of several that are valid now a PIV card's slot 9A wins, as the standard has it
// there, then the one that began last, as after a renewal. What is still ambiguous then isn't guessed, nor which of two
// people a card belongs to.
func Choose(certificates []Certificate, now time.Time) (Certificate, error) {
	var fit, valid []candidate
	for _, certificate := range certificates {
		if c, ok := newCandidate(certificate); ok {
			fit = append(fit, c)
			if !now.Before(c.NotBefore) && !now.After(c.NotAfter) {
				valid = append(valid, c)
			}
		}
	}
	switch {
	case len(certificates) == 0:
		return Certificate{}, &CertificateError{Reason: "the card has no certificates"}
	case len(fit) == 0:
		return Certificate{}, &CertificateError{Reason: "the card has no certificate for signing in"}
	case len(valid) == 0:
		return Certificate{}, notValid(fit, now)
	}
	slices.SortStableFunc(valid, candidate.compare)
	for _, other := range valid[1:] {
		if other.uid != valid[0].uid {
			return Certificate{}, &CertificateError{Reason: fmt.Sprintf("the card has certificates of two people, %s and %s", valid[0].uid, other.uid)}
		}
	}
	if len(valid) > 1 && valid[0].compare(valid[1]) == 0 {
		return Certificate{}, &CertificateError{Reason: "the card has two certificates for signing in, and nothing tells which one to use"}
	}
	return valid[0].certificate, nil
}

// UID is the 12 digits of a certificate's holder: its only common name, wherever that stands in the subject. Anything
// else is a *CertificateError.
func UID(certificate Certificate) (string, error) {
	parsed, err := x509.ParseCertificate(certificate.DER)
	if err != nil {
		return "", &CertificateError{Reason: "the card has a certificate that can't be read"}
	}
	return uidOf(parsed)
}

func uidOf(certificate *x509.Certificate) (string, error) {
	uid := ""
	for _, name := range certificate.Subject.Names {
		if !name.Type.Equal(oidCommonName) {
			continue
		}
		text, _ := name.Value.(string)
		if uid != "" || !uidForm.MatchString(text) {
			return "", &CertificateError{Reason: "the certificate's name isn't a number of 12 digits"}
		}
		uid = text
	}
	if uid == "" {
		return "", &CertificateError{Reason: "the certificate has no name"}
	}
	return uid, nil
}

// candidate is a certificate whose purpose is to sign somebody in.
type candidate struct {
	*x509.Certificate
	certificate Certificate
	uid         string
}

func newCandidate(certificate Certificate) (candidate, bool) {
	parsed, err := x509.ParseCertificate(certificate.DER)
	if err != nil || parsed.IsCA {
		return candidate{}, false
	}
	usage := parsed.KeyUsage
	uid, err := uidOf(parsed)
	fits := err == nil && usage&x509.KeyUsageDigitalSignature != 0 && usage&x509.KeyUsageContentCommitment == 0
	return candidate{Certificate: parsed, certificate: certificate, uid: uid}, fits
}

// compare has the better candidate first.
func (c candidate) compare(other candidate) int {
	if first := c.certificate.Slot == slotAuthentication; first != (other.certificate.Slot == slotAuthentication) {
		if first {
			return -1
		}
		return 1
	}
	return other.NotBefore.Compare(c.NotBefore)
}

// notValid says why none of the certificates that fit is valid: of expired ones the last to expire is the one to name.
func notValid(fit []candidate, now time.Time) *CertificateError {
	last := slices.MaxFunc(fit, func(a, b candidate) int { return a.NotAfter.Compare(b.NotAfter) })
	if now.Before(last.NotBefore) {
		return &CertificateError{Reason: fmt.Sprintf("the card's certificate is valid only from %s on; is this computer's clock right?", last.NotBefore.Format(time.DateOnly))}
	}
	return &CertificateError{
		Reason:   fmt.Sprintf("the card's certificate expired on %s", last.NotAfter.Format(time.DateOnly)),
		NotAfter: last.NotAfter,
	}
}
