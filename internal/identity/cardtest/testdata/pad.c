// A PKCS#11 module that is another one (PAD_MODULE) at a reader that says it has keys of its own. What comes of a login
// without a passcode, which is to be typed at the reader then, is in the file "answer" of the folder PAD_FOLDER:
//
//	accept CODE   somebody types that code there
//	arguments     it was only claimed: CKR_ARGUMENTS_BAD
//	unsupported   the same, as CKR_FUNCTION_NOT_SUPPORTED
//	canceled      somebody cancels there, or nobody comes: CKR_FUNCTION_CANCELED
//
// Each login adds a line to the file "logins": "pad" or "typed".
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct list {
	unsigned char version[2];
	void *functions[68];
};
enum { GET_FUNCTION_LIST = 3, GET_TOKEN_INFO = 6, LOGIN = 18 };
enum { ARGUMENTS_BAD = 0x07, FUNCTION_FAILED = 0x06, FUNCTION_CANCELED = 0x50, FUNCTION_NOT_SUPPORTED = 0x54 };
enum { FLAGS = 96, PROTECTED_AUTHENTICATION_PATH = 0x100 }; // of CK_TOKEN_INFO

static struct list *real, list;

static FILE *file(const char *name, const char *mode) {
	char path[4096];
	snprintf(path, sizeof path, "%s/%s", getenv("PAD_FOLDER"), name);
	return fopen(path, mode);
}

static unsigned long get_token_info(unsigned long slot, unsigned char *info) {
	unsigned long (*f)(unsigned long, unsigned char *) = real->functions[GET_TOKEN_INFO];
	unsigned long result = f(slot, info);
	unsigned long flags;
	memcpy(&flags, info + FLAGS, sizeof flags);
	flags |= PROTECTED_AUTHENTICATION_PATH;
	memcpy(info + FLAGS, &flags, sizeof flags);
	return result;
}

static unsigned long login(unsigned long session, unsigned long user, unsigned char *pin, unsigned long length) {
	unsigned long (*f)(unsigned long, unsigned long, unsigned char *, unsigned long) = real->functions[LOGIN];
	char answer[64] = "";
	FILE *logins = file("logins", "a"), *answers = file("answer", "r");
	if (logins == NULL || answers == NULL)
		return FUNCTION_FAILED;
	fprintf(logins, "%s\n", pin == NULL ? "pad" : "typed");
	fclose(logins);
	if (fgets(answer, sizeof answer, answers) == NULL)
		answer[0] = 0;
	fclose(answers);
	answer[strcspn(answer, "\n")] = 0;
	if (pin != NULL)
		return f(session, user, pin, length);
	if (strncmp(answer, "accept ", 7) == 0)
		return f(session, user, (unsigned char *)answer + 7, strlen(answer + 7));
	if (strcmp(answer, "arguments") == 0)
		return ARGUMENTS_BAD;
	if (strcmp(answer, "canceled") == 0)
		return FUNCTION_CANCELED;
	return FUNCTION_NOT_SUPPORTED;
}

unsigned long C_GetFunctionList(struct list **out) {
	if (real == NULL) {
		void *library = dlopen(getenv("PAD_MODULE"), RTLD_NOW | RTLD_LOCAL);
		unsigned long (*get)(struct list **) = library == NULL ? NULL : dlsym(library, "C_GetFunctionList");
		if (get == NULL || get(&real) != 0)
			return FUNCTION_FAILED;
		list = *real;
		list.functions[GET_FUNCTION_LIST] = C_GetFunctionList;
		list.functions[GET_TOKEN_INFO] = get_token_info;
		list.functions[LOGIN] = login;
	}
	*out = &list;
	return 0;
}
