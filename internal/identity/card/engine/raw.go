package engine

/*
#cgo LDFLAGS: -ldl
#include <dlfcn.h>
#include <stdlib.h>

// A module's function list (PKCS #11 v2.40): a version, then functions in a fixed order.
struct list {
	unsigned char version[2];
	void *functions[68];
};
enum { LOGIN = 18, WAIT_FOR_SLOT_EVENT = 67 };

static struct list *functions(const char *path) {
	void *library = dlopen(path, RTLD_LAZY);
	if (library == NULL)
		return NULL;
	unsigned long (*get)(struct list **) = dlsym(library, "C_GetFunctionList");
	struct list *list = NULL;
	if (get == NULL || get(&list) != 0)
		return NULL;
	return list;
}

static unsigned long login(struct list *list, unsigned long session, unsigned long user, unsigned char *pin, unsigned long length) {
	unsigned long (*f)(unsigned long, unsigned long, unsigned char *, unsigned long) = list->functions[LOGIN];
	return f(session, user, pin, length);
}

static unsigned long wait_for_slot_event(struct list *list) {
	unsigned long slot = 0;
	unsigned long (*f)(unsigned long, unsigned long *, void *) = list->functions[WAIT_FOR_SLOT_EVENT];
	return f == NULL ? 0x54 : f(0, &slot, NULL);
}
*/
import "C"

import (
	"errors"
	"runtime"
	"unsafe"

	"github.com/miekg/pkcs11"

	"nhos.org/nhos/internal/identity/secret"
)

// rawModule calls two of a module's functions as miekg/pkcs11 can't: C_Login without copies of the passcode that nobody
// wipes, and with no passcode at all for a key pad; C_WaitForSlotEvent with its result.
type rawModule struct {
	list *C.struct_list
}

// openRaw finds the functions of a module, which is loaded already.
func openRaw(path string) (rawModule, error) {
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	list := C.functions(name)
	if list == nil {
		return rawModule{}, errors.New("it has no list of functions")
	}
	return rawModule{list: list}, nil
}

// login is C_Login; its result is a CKR code. Without a passcode, the reader asks for it.
func (r rawModule) login(session, user uint, passcode *secret.Text) uint {
	value := passcode.Reveal()
	code := C.login(r.list, C.ulong(session), C.ulong(user), (*C.uchar)(unsafe.SliceData(value)), C.ulong(len(value)))
	runtime.KeepAlive(value)
	return uint(code)
}

// waitForSlotEvent blocks until something happens at a slot. Modules that can't do that fail at once.
func (r rawModule) waitForSlotEvent() error {
	if code := C.wait_for_slot_event(r.list); code != pkcs11.CKR_OK {
		return pkcs11.Error(code)
	}
	return nil
}
