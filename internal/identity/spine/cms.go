package spine

import (
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
)

var (
	oidData          = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}
	oidSignedData    = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}
	oidRSAEncryption = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}

	digestOIDs = map[crypto.Hash]asn1.ObjectIdentifier{
		crypto.SHA1:   {1, 3, 14, 3, 2, 26},
		crypto.SHA256: {2, 16, 840, 1, 101, 3, 4, 2, 1},
	}
)

// The structures of RFC 5652, with the choices that the Spine's agents have always made.
type contentInfo struct {
	ContentType asn1.ObjectIdentifier
	Content     signedData `asn1:"explicit,tag:0"`
}

type signedData struct {
	Version          int
	DigestAlgorithms []pkix.AlgorithmIdentifier `asn1:"set"`
	EncapContentInfo encapContentInfo
	Certificates     asn1.RawValue
	SignerInfos      []signerInfo `asn1:"set"`
}

type encapContentInfo struct {
	ContentType asn1.ObjectIdentifier
	Content     []byte `asn1:"explicit,tag:0"`
}

type signerInfo struct {
	Version            int
	SID                issuerAndSerial
	DigestAlgorithm    pkix.AlgorithmIdentifier
	SignatureAlgorithm pkix.AlgorithmIdentifier
	Signature          []byte
}

type issuerAndSerial struct {
	Issuer asn1.RawValue
	Serial *big.Int
}

// maxContent is more than any challenge: that of the Spine has 48 bytes.
const maxContent = 4096

// CMS makes the signed object (DER) that answers a challenge: SignedData of version 1 with the content in it, the one
// certificate byte for byte as it is on the card, no CRL, and one signature (RSA, PKCS#1 v1.5) over the digest of the
// content, without signed attributes. Algorithms have an explicit NULL as their parameters; OpenSSL leaves that of the
// digest out, the Spine's own agents never did.
//
// sign is given the content, whose digest the card's engine makes, and returns the signature. What it returns is
// verified with the certificate's key, so that a driver that signs with another key is found out here.
//
// digest is crypto.SHA1 or crypto.SHA256. Of the Spine it is known that it takes the former.
func CMS(certificate, content []byte, digest crypto.Hash, sign func(content []byte) ([]byte, error)) ([]byte, error) {
	cert, err := x509.ParseCertificate(certificate)
	if err != nil {
		return nil, fmt.Errorf("reading the card's certificate: %w", err)
	}
	key, ok := cert.PublicKey.(*rsa.PublicKey)
	if !ok {
		return nil, fmt.Errorf("the card's certificate has a %v key; the Spine takes RSA alone", cert.PublicKeyAlgorithm)
	}
	oid, ok := digestOIDs[digest]
	if !ok {
		return nil, fmt.Errorf("digest %v: the Spine takes SHA-1 or SHA-256", digest)
	}
	if len(content) == 0 || len(content) > maxContent {
		return nil, fmt.Errorf("a challenge of %d bytes can't be signed (1 to %d)", len(content), maxContent)
	}
	signature, err := sign(content)
	if err != nil {
		return nil, fmt.Errorf("signing the challenge: %w", err)
	}
	h := digest.New()
	h.Write(content)
	if err := rsa.VerifyPKCS1v15(key, digest, h.Sum(nil), signature); err != nil {
		return nil, errors.New("the card's signature isn't that of its certificate's key")
	}
	digestAlgorithm := pkix.AlgorithmIdentifier{Algorithm: oid, Parameters: asn1.NullRawValue}
	return asn1.Marshal(contentInfo{
		ContentType: oidSignedData,
		Content: signedData{
			Version:          1,
			DigestAlgorithms: []pkix.AlgorithmIdentifier{digestAlgorithm},
			EncapContentInfo: encapContentInfo{ContentType: oidData, Content: content},
			Certificates:     asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: cert.Raw},
			SignerInfos: []signerInfo{{
				Version:            1,
				SID:                issuerAndSerial{Issuer: asn1.RawValue{FullBytes: cert.RawIssuer}, Serial: cert.SerialNumber},
				DigestAlgorithm:    digestAlgorithm,
				SignatureAlgorithm: pkix.AlgorithmIdentifier{Algorithm: oidRSAEncryption, Parameters: asn1.NullRawValue},
				Signature:          signature,
			}},
		},
	})
}
