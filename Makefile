# Two commands do all: "make image" and "make test". Both install what they need, and name it first.

SHELL := /bin/bash
.DELETE_ON_ERROR:

IMAGE ?= desktop
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
NHOS := bin/nhos

# What tests use besides what nhos itself does; "nhos doctor" knows the latter.
TEST_PACKAGES := busybox-static diffoscope-minimal e2fsprogs gcc libfaketime libc6-dev grub-common gpg gpg-agent mtools procps

.PHONY: image test unit boot acceptance lint generate setup setup-test clean

image: setup ## make an image, boot it, and say where the ISO and the report are
	$(SUDO) $(NHOS) build $(IMAGE)
	$(SUDO) $(NHOS) test $(IMAGE)

test: setup-test lint unit boot ## every test of the project

unit: setup-test ## tests of packages and of the command line
	$(SUDO) env "PATH=$$PATH" CGO_ENABLED=1 go test -race ./...

boot: setup-test ## builds images/mini and others for real, and boots them
	$(SUDO) env "PATH=$$PATH" NHOS=$(CURDIR)/$(NHOS) go test -tags boot -timeout 60m -v ./internal/acceptance -run 'Test'

acceptance: setup-test ## what takes longer: the desktop, the respin, every firmware and attachment
	$(SUDO) env "PATH=$$PATH" NHOS=$(CURDIR)/$(NHOS) go test -tags acceptance -timeout 120m -v ./internal/acceptance

lint: tools/bin/golangci-lint ## the house's rules
	tools/bin/golangci-lint run ./...
	go mod tidy -diff

tools/bin/golangci-lint: tools/go.mod tools/go.sum
	cd tools && go build -o bin/golangci-lint github.com/golangci/golangci-lint/v2/cmd/golangci-lint

generate: ## the JSON Schemas
	go generate ./...

$(NHOS): FORCE
	CGO_ENABLED=0 go build -trimpath -o $@ ./cmd/nhos
FORCE:

setup: $(NHOS)
	@missing=$$($(NHOS) doctor --missing); $(call install)

setup-test: $(NHOS)
	@missing="$$($(NHOS) doctor --missing) $$(dpkg-query -W -f '$${Package} $${db:Status-Status}\n' $(TEST_PACKAGES) 2>/dev/null | \
	  awk -v all="$(TEST_PACKAGES)" '$$2 == "installed" {have[$$1] = 1} END {n = split(all, a); for (i = 1; i <= n; i++) if (!have[a[i]]) printf a[i] " "}')"; $(call install)

# Installs $$missing, after saying so.
define install
if [ -n "$${missing// /}" ]; then \
  echo "Installing these Debian packages: $$missing"; \
  $(SUDO) apt-get -qq update && $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends $$missing >/dev/null; \
fi
endef

clean: ## remove what was built here; the store stays
	rm -rf bin out tools/bin
