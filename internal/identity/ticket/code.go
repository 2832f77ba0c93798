package ticket

import (
	"context"
	"errors"

	"nhos.org/nhos/internal/identity/card"
	"nhos.org/nhos/internal/identity/session"
	"nhos.org/nhos/internal/identity/spine"
)

// Code is why a request failed, in the numbers of the Windows agent's ticket API: programs that were written for it
// have these numbers in their own code.
type Code uint32

// The codes that are used here. There are more in history; those below say all that can happen.
const (
	Success Code = 0

	Internal            Code = 0x80100001
	InvalidParameter    Code = 0x80100003
	ServerBusy          Code = 0x80100006
	ServerCommFailed    Code = 0x80100007
	TicketNotAvailable  Code = 0x80100009
	NotImplemented      Code = 0x8010000B
	ReaderNotAvailable  Code = 0x80200002
	SmartcardNotValid   Code = 0x80200003
	PINBlocked          Code = 0x80200004
	CardTransaction     Code = 0x80200005
	NoCertificateFound  Code = 0x80200006
	UserAbort           Code = 0x80400001
	AuthFailed          Code = 0x80400002
	AuthNotPossible     Code = 0x80400003
	UserNotValid        Code = 0x80400004
	AuthServerNotThere  Code = 0x80400005
	AuthDataSyntaxError Code = 0x80400006
	AuthNotValid        Code = 0x80400007
)

var names = map[Code]string{
	Success: "SUCCESS", Internal: "INTERNAL", InvalidParameter: "INVALID_PARAMETER", ServerBusy: "SERVER_BUSY",
	ServerCommFailed: "SERVER_COMM_FAILED", TicketNotAvailable: "TICKET_NOT_AVAILABLE", NotImplemented: "NOT_IMPLEMENTED",
	ReaderNotAvailable: "READER_NOT_AVAILABLE", SmartcardNotValid: "SMARTCARD_NOT_VALID", PINBlocked: "PIN_BLOCKED",
	CardTransaction: "CARD_TRANSACTION_FAILED", NoCertificateFound: "NO_CERT_FOUND", UserAbort: "USER_ABORT",
	AuthFailed: "AUTHENTICATION_FAILED", AuthNotPossible: "AUTHENTICATION_NOT_POSSIBLE", UserNotValid: "USER_NOT_VALID",
	AuthServerNotThere: "AUTHSERVER_NOT_AVAILABLE", AuthDataSyntaxError: "AUTHDATA_SYNTAX_ERROR", AuthNotValid: "AUTH_NOT_VALID",
}

func (c Code) String() string { return names[c] }

// causes are the codes of errors, the more exact ones first.
var causes = []struct {
	err  error
	code Code
}{
	{session.ErrCancelled, UserAbort},
	{card.ErrPadCancelled, UserAbort},
	{session.ErrCardLocked, PINBlocked},
	{session.ErrLastTry, AuthNotPossible},
	{session.ErrNoReader, ReaderNotAvailable},
	{session.ErrNoCard, AuthNotPossible},
	{session.ErrNotSignedIn, TicketNotAvailable},
	{session.ErrLocked, TicketNotAvailable},
	{session.ErrOtherPerson, UserNotValid},
	{session.ErrWrongPerson, UserNotValid},
	{session.ErrSessionEnded, AuthNotValid},
	{session.ErrSignedOut, AuthNotValid},
	{session.ErrBusy, ServerBusy},
	{session.ErrClosed, ServerBusy},
	{session.ErrSlept, AuthNotPossible},
	{session.ErrNoSuchRole, InvalidParameter},
	{session.ErrNoSuchCard, InvalidParameter},
	{session.ErrWhichCard, InvalidParameter},
	{spine.ErrUnreachable, ServerCommFailed},
	{spine.ErrUntrusted, AuthServerNotThere},
	{spine.ErrStatus, AuthServerNotThere},
	{spine.ErrSyntax, AuthDataSyntaxError},
	{spine.ErrRefused, AuthFailed},
	{spine.ErrExpired, AuthNotValid},
	{card.ErrRemoved, CardTransaction},
	{card.ErrModule, CardTransaction},
	{card.ErrNoService, ReaderNotAvailable},
	{context.Canceled, UserAbort},
	{context.DeadlineExceeded, AuthNotPossible},
}

// CodeOf is the code of an error; Success of nil.
func CodeOf(err error) Code {
	if err == nil {
		return Success
	}
	var (
		passcode    *card.PasscodeError
		certificate *card.CertificateError
		failed      *Error
	)
	switch {
	case errors.As(err, &failed):
		return failed.Code
	case errors.As(err, &passcode) && !passcode.Locked:
		return AuthFailed
	case errors.As(err, &passcode):
		return PINBlocked
	case errors.As(err, &certificate):
		return NoCertificateFound
	}
	for _, c := range causes {
		if errors.Is(err, c.err) {
			return c.code
		}
	}
	return Internal
}
