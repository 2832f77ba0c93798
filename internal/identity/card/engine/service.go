package engine

/*
#cgo LDFLAGS: -ldl
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

// What pcsc-lite's library has to be called with (winscard.h); the library is loaded only where it is installed.
struct reader_state {
	const char *reader;
	void *data;
	unsigned long current, event, atr_length;
	unsigned char atr[33];
};
struct io_request {
	unsigned long protocol, length;
};

static struct {
	long (*establish)(unsigned long, const void *, const void *, long *);
	long (*release)(long);
	long (*readers)(long, const char *, char *, unsigned long *);
	long (*change)(long, unsigned long, struct reader_state *, unsigned long);
	long (*connect)(long, const char *, unsigned long, unsigned long, long *, unsigned long *);
	long (*disconnect)(long, unsigned long);
	long (*begin)(long);
	long (*end)(long, unsigned long);
	long (*transmit)(long, const struct io_request *, const unsigned char *, unsigned long, struct io_request *, unsigned char *, unsigned long *);
} pcsc;

static int pcsc_load(void) {
	void *library = dlopen("libpcsclite.so.1", RTLD_LAZY);
	if (library == NULL)
		return 0;
	pcsc.establish = dlsym(library, "SCardEstablishContext");
	pcsc.release = dlsym(library, "SCardReleaseContext");
	pcsc.readers = dlsym(library, "SCardListReaders");
	pcsc.change = dlsym(library, "SCardGetStatusChange");
	pcsc.connect = dlsym(library, "SCardConnect");
	pcsc.disconnect = dlsym(library, "SCardDisconnect");
	pcsc.begin = dlsym(library, "SCardBeginTransaction");
	pcsc.end = dlsym(library, "SCardEndTransaction");
	pcsc.transmit = dlsym(library, "SCardTransmit");
	return pcsc.establish && pcsc.release && pcsc.readers && pcsc.change && pcsc.connect && pcsc.disconnect &&
		pcsc.begin && pcsc.end && pcsc.transmit;
}

static long pcsc_establish(long *context) {
	return pcsc.establish(2, 0, 0, context); // 2: the system's scope
}

static long pcsc_release(long context) {
	return pcsc.release(context);
}

// pcsc_open connects to the card in the only reader whose name begins with prefix, when that was cut, or is it. It says
// whether it did; then context and card are to be given back by pcsc_close.
static int pcsc_open(const char *prefix, int cut, long *context, long *card, unsigned long *protocol) {
	char names[4096];
	unsigned long length = sizeof names;
	const char *found = NULL;
	if (pcsc_establish(context) != 0)
		return 0;
	memset(names, 0, sizeof names);
	if (pcsc.readers(*context, NULL, names, &length) == 0)
		for (char *name = names; *name; name += strlen(name) + 1)
			if (cut ? strncmp(name, prefix, strlen(prefix)) == 0 : strcmp(name, prefix) == 0)
				found = found == NULL ? name : ""; // "" is no reader
	if (found != NULL && *found && pcsc.connect(*context, found, 2, 3, card, protocol) == 0) // shared, T=0 or T=1
		return 1;
	pcsc_release(*context);
	return 0;
}

// pcsc_close gives a card back; it is reset where asked for.
static void pcsc_close(long context, long card, int reset) {
	pcsc.disconnect(card, reset);
	pcsc_release(context);
}

static void pcsc_reset(const char *prefix, int cut) {
	long context, card;
	unsigned long protocol;
	if (pcsc_open(prefix, cut, &context, &card, &protocol))
		pcsc_close(context, card, 1);
}

// pcsc_status is the status word of one command, or -1.
static int pcsc_status(long card, unsigned long protocol, const unsigned char *command, unsigned long size) {
	struct io_request request = {protocol, sizeof request};
	unsigned char answer[258];
	unsigned long length = sizeof answer;
	if (pcsc.transmit(card, &request, command, size, NULL, answer, &length) != 0 || length < 2)
		return -1;
	return answer[length - 2] << 8 | answer[length - 1];
}

// pcsc_piv_tries is the status word of a VERIFY without a passcode, which a PIV card answers by how many tries are left and
// doesn't count (NIST SP 800-73-4 part 2, 3.2.1), or -1.
static int pcsc_piv_tries(const char *prefix, int cut) {
	static const unsigned char select[] = {0x00, 0xA4, 0x04, 0x00, 0x05, 0xA0, 0x00, 0x00, 0x03, 0x08, 0x00};
	static const unsigned char verify[] = {0x00, 0x20, 0x00, 0x80, 0x00};
	long context, card;
	unsigned long protocol;
	int status = -1;
	if (!pcsc_open(prefix, cut, &context, &card, &protocol))
		return -1;
	if (pcsc.begin(card) == 0) {
		int t0 = protocol == 1; // T=0 has no command of four bytes, and its SELECT says how much to ask for
		int selected = pcsc_status(card, protocol, select, sizeof select - t0);
		if (selected == 0x9000 || (selected >= 0x6100 && selected <= 0x61FF))
			status = pcsc_status(card, protocol, verify, sizeof verify - !t0);
		pcsc.end(card, 0); // and leave the card as it is
	}
	pcsc_close(context, card, 0);
	return status;
}

// pcsc_wait waits until a reader or a card comes or goes. names (of size bytes, each ended by a zero, the last one by
// two) and counters are those of the call before, and are brought up to date. With no readers before, it returns at once
// when there are some.
enum { MOST = 16 };
static long pcsc_wait(long context, unsigned long timeout, char *names, unsigned long size, unsigned long *known) {
	struct reader_state states[MOST + 1];
	char now[4096];
	unsigned long length = sizeof now, count = 0;
	memset(states, 0, sizeof states);
	memset(now, 0, sizeof now);
	long result = pcsc.readers(context, NULL, now, &length);
	if (result == (long)0x8010002E) // no readers
		memset(now, 0, sizeof now);
	else if (result != 0)
		return result;
	if (memcmp(now, names, size < sizeof now ? size : sizeof now) != 0) {
		memcpy(names, now, size < sizeof now ? size : sizeof now);
		memset(known, 0, MOST * sizeof *known);
		return 0; // readers came or went
	}
	for (char *name = names; *name && count < MOST; name += strlen(name) + 1, count++) {
		states[count].reader = name;
		states[count].current = known[count];
	}
	states[count].reader = "\\\\?PnP?\\Notification";
	states[count].current = count << 16;
	result = pcsc.change(context, timeout, states, count + 1);
	for (unsigned long i = 0; result == 0 && i < count; i++)
		known[i] = states[i].event & ~0x2ul; // without "changed"
	return result;
}
*/
import "C"

import (
	"context"
	"sync"
	"time"
	"unsafe"

	"nhos.org/nhos/internal/identity/card"
)

const (
	pcscTimeout  = 0x8010000A
	pcscPatience = time.Minute // of one wait: only so that nothing lasts for ever
	pcscRetry    = 300 * time.Millisecond
	pcscNames    = 4096
)

// serviceState is whether pcscd is there, as far as that is known.
type serviceState struct {
	mu      sync.Mutex
	known   bool
	lost    bool
	renewed bool
}

// set tells how pcscd is, and says whether that is new.
func (s *serviceState) set(up bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known && s.lost == !up {
		return false
	}
	// Drivers were loaded a moment before the first word of it.
	s.renewed = s.renewed || s.known
	s.known, s.lost = true, !up
	return true
}

func (s *serviceState) down() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lost
}

// restarted says, once each time, that pcscd went away or came back.
func (s *serviceState) restarted() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	renewed := s.renewed
	s.renewed = false
	return renewed
}

// watchService waits in pcsc-lite's library for what happens to readers, cards and pcscd itself, and asks for a look
// each time. OpenSC's own C_WaitForSlotEvent doesn't wait, and polling costs each user of a laptop. Where there is no
// such library, it ends.
func (e *engine) watchService(ctx context.Context) {
	if !pcscLibrary() {
		return
	}
	for ctx.Err() == nil {
		var handle C.long
		if C.pcsc_establish(&handle) != 0 {
			if e.service.set(false) {
				e.changed()
			}
			time.Sleep(pcscRetry)
			continue
		}
		if e.service.set(true) {
			e.changed()
		}
		e.told.Add(1)
		e.watchReaders(ctx, handle)
		e.told.Add(-1)
		C.pcsc_release(handle)
	}
}

// pcscLibrary says whether pcsc-lite's library is there, and loads it.
var pcscLibrary = sync.OnceValue(func() bool { return C.pcsc_load() != 0 })

// maxSlotName is after how many bytes PKCS#11 cuts the names of readers.
const maxSlotName = 64

// resetCard resets the card in a reader, so that it forgets that the passcode was given. Drivers leave that out:
// OpenSC's C_Logout tells a PIV card nothing, and any program could use the card as long as it stays in the reader.
func resetCard(reader string) {
	name, cut, free, ok := readerName(reader)
	if !ok {
		return
	}
	defer free()
	C.pcsc_reset(name, cut)
}

// pivTries asks the PIV card in a reader how many wrong passcodes it still takes, which costs none; Unknown where it
// doesn't say. OpenSC knows the number, and PKCS#11 has no place for it.
func pivTries(reader string) int {
	name, cut, free, ok := readerName(reader)
	if !ok {
		return card.Unknown
	}
	defer free()
	switch status := int(C.pcsc_piv_tries(name, cut)); {
	case status == 0x6983: // blocked
		return 0
	case status&^0xF == 0x63C0:
		return status & 0xF
	}
	return card.Unknown
}

// readerName is a reader's name as PKCS#11 gives it, for C: cut says that it may go on. The caller frees it. ok is false
// where there is nobody to ask.
func readerName(reader string) (name *C.char, cut C.int, free func(), ok bool) {
	if !pcscLibrary() || reader == "" {
		return nil, 0, nil, false
	}
	if len(reader) >= maxSlotName-1 { // a blank at its end is gone, too
		cut = 1
	}
	name = C.CString(reader)
	return name, cut, func() { C.free(unsafe.Pointer(name)) }, true
}

// serviceAnswers says whether pcscd is there at this moment, which may be before the watch has noticed.
func serviceAnswers() bool {
	if !pcscLibrary() {
		return true // nobody knows
	}
	var handle C.long
	if C.pcsc_establish(&handle) != 0 {
		return false
	}
	C.pcsc_release(handle)
	return true
}

// watchReaders watches until pcscd is gone.
func (e *engine) watchReaders(ctx context.Context, handle C.long) {
	names := (*C.char)(C.calloc(1, pcscNames))
	known := (*C.ulong)(C.calloc(C.MOST, C.sizeof_ulong))
	defer C.free(unsafe.Pointer(names))
	defer C.free(unsafe.Pointer(known))
	for ctx.Err() == nil {
		switch uint32(C.pcsc_wait(handle, C.ulong(pcscPatience.Milliseconds()), names, pcscNames, known)) {
		case 0:
			e.changed()
		case pcscTimeout:
		default:
			return
		}
	}
}
