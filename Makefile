# notify: builds, tests and installs the nginx module.
#
# All output goes to build/.  "make help" lists the targets; what can be set
# on the command line stands first.

SHELL := /bin/bash

# A plain nginx source tree, or the one that Debian's nginx-dev installs.
NGINX_SRC ?= /usr/share/nginx/src
NDK_SRC ?= /usr/share/nginx-ndk/src

# How a plain tree is configured.  It must agree with the nginx that is to
# load the module: what is built into the one that is installed, or the least
# that the module can use.  Debian's tree brings its own flags (conf_flags).
NGINX_CONF ?= $(or $(shell nginx -V 2>&1 \
		| grep -o -e '--with-[a-z0-9_-]* ' -e '--with-[a-z0-9_-]*$$'), \
	--with-compat --with-threads --with-http_ssl_module \
	--with-http_v2_module --with-http_realip_module)

# $(call has,FLAG): the flag, if the compiler takes it.
has = $(shell $(CC) -Werror $(1) -x c -c -o /dev/null /dev/null 2>/dev/null \
	&& echo $(1))

# nginx adds -Wall -Wextra -Wpointer-arith -Werror, under gcc and clang, and
# -Wno-unused-parameter: its handlers have signatures to keep, whether or not
# they use all of it.
#
# The rest is Debian's hardening=+all, and what only some compilers have.
ifeq ($(origin CFLAGS),undefined)
CFLAGS := -g -O2 -fstack-protector-strong -Wformat -Werror=format-security \
	-D_FORTIFY_SOURCE=2 $(foreach flag,\
	-fstack-clash-protection -fcf-protection,$(call has,$(flag)))
endif

LDFLAGS ?= -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack

MODULES_DIR ?= /usr/lib/nginx/modules
CONF_DIR ?= /usr/share/nginx/modules-available

# What "make test" runs, and how many jobs at once.
TESTS ?= t
JOBS ?= $(shell nproc)

# Seconds for each target of "make fuzz", and how many of them at once: all.
FUZZ_TIME ?= 600
FUZZ_JOBS ?=

# Debian packages, by what they are for.
DEPS_BUILD = gcc libc6-dev libjansson-dev libnginx-mod-http-ndk \
	libnginx-mod-http-ndk-dev libssl-dev make nginx nginx-dev zlib1g-dev
DEPS_DEMO = curl gunicorn libnginx-mod-http-ndk nginx python3-celery \
	python3-django python3-redis python3-urllib3 redis-server
DEPS_BENCH = daphne libnginx-mod-nchan libssl-dev node-ws nodejs pushpin \
	python3-channels-redis python3-django-channels redis-server zurl
DEPS_ANALYZE = clang-tidy cppcheck
DEPS_FUZZ = clang libc6-dev libclang-rt-dev libjansson-dev libssl-dev perl \
	zlib1g-dev
DEPS_TEST = chromium chromium-driver clang cppcheck libclang-rt-dev \
	libio-socket-ssl-perl libnginx-mod-http-lua \
	libprotocol-websocket-perl libtest-base-perl lua-nginx-websocket \
	node-ws nodejs openssl perl python3-selenium python3-websockets \
	valgrind


TOP := $(CURDIR)
BUILD ?= $(TOP)/build
MODULE := ngx_http_notify_module.so

# A plain tree writes a Makefile into itself when it is configured, so that
# it is built in a copy that is made of links.
DEBIAN_FLAGS := $(wildcard $(NGINX_SRC)/conf_flags)
TREE := $(if $(DEBIAN_FLAGS),$(NGINX_SRC),$(BUILD)/tree)

# The NDK is built along where its sources are whole: Debian's package has the
# headers only, and the module in another one.
ADDONS := $(if $(wildcard $(NDK_SRC)/src/ndk.c),\
	--add-dynamic-module,--add-module)=$(NDK_SRC) \
	--add-dynamic-module=$(TOP)

# $(call configure,OBJS,CFLAGS,LDFLAGS,ADDONS)
# The flags are an array of bash in Debian's file, an ordinary list else.
# nginx leaves its own warnings out when it finds CFLAGS in its environment.
configure = rm -rf $(1) && cd $(TREE) \
	&& { if [ -f conf_flags ]; then . ./conf_flags; \
	     else NGX_CONF_FLAGS=( $(NGINX_CONF) ); fi; } \
	&& env -u CFLAGS -u LDFLAGS ./configure --with-cc='$(CC)' \
	       --with-cc-opt='$(2)' --with-ld-opt='$(3)' \
	       "$${NGX_CONF_FLAGS[@]}" $(4) --builddir=$(1) > $(1).log 2>&1 \
	|| { tail -n 20 $(1).log; rm -rf $(1); exit 1; }

# nginx's own makefile; V=1 shows its commands.
NESTED = $(MAKE) $(if $(V),,-s) --no-print-directory -j $(JOBS) -C $(TREE)

# One target after the other; what they call runs in parallel.
.NOTPARALLEL:

.PHONY: all deps deps-build deps-demo deps-bench deps-fuzz deps-analyze \
	build install clean demo demo-stop test test-asan test-valgrind lint \
	analyze analyze-gcc analyze-tidy analyze-cppcheck fuzz bench \
	bench-quick bench-reload help FORCE

all: build

help:
	@echo 'make build          build/$(MODULE)'
	@echo '     NGINX_SRC=dir  ... for the nginx of a plain source tree'
	@echo 'make install        installs it ($(MODULES_DIR))'
	@echo 'make demo           Django behind nginx, on this machine'
	@echo 'make demo-stop      stops it'
	@echo 'make test           everything in t/, or TESTS="t/push.t ..."'
	@echo 'make test-asan      ... on nginx with ASan and UBSan'
	@echo 'make test-valgrind  ... what runs in one worker, under valgrind'
	@echo 'make fuzz           what reads bytes, for FUZZ_TIME=600 seconds'
	@echo 'make lint           style, includes, cppcheck'
	@echo 'make analyze        gcc -fanalyzer, clang-tidy, cppcheck'
	@echo 'make bench-quick    the first figures, in a minute'
	@echo 'make bench          ... beside Nchan, Node, Pushpin, channels'
	@echo 'make bench-reload   what reloads do to those connected'
	@echo 'make deps           installs the Debian packages that build, demo'
	@echo '                    and test need; bench asks for its own'
	@echo 'make deps-build     installs those that build needs'
	@echo 'make clean          removes build/'
	@echo 'also: CC CFLAGS LDFLAGS NDK_SRC NGINX_CONF MODULES_DIR CONF_DIR'
	@echo '      DESTDIR JOBS FUZZ_JOBS'


# --- packages

# Asks apt only for what is not there, so that nothing needs root or the
# network once all is installed.  Packages that start a service when they are
# installed do not: a server on port 80 is not ours to start.
define apt
@missing=; for p in $(1); do \
	dpkg-query -W -f '$${Status}' $$p 2>/dev/null \
		| grep -q ' installed$$' || missing="$$missing $$p"; \
done; \
[ -z "$$missing" ] && exit 0; \
if [ $$(id -u) != 0 ]; then \
	echo "missing packages, as root: apt-get install$$missing" >&2; \
	exit 1; \
fi; \
set -e; \
if [ ! -e /usr/sbin/policy-rc.d ]; then \
	trap 'rm -f /usr/sbin/policy-rc.d' EXIT; \
	printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d; \
	chmod +x /usr/sbin/policy-rc.d; \
fi; \
export DEBIAN_FRONTEND=noninteractive; \
for pause in 10 20 40 0; do \
	apt-get update -q && apt-get install -q -y \
		-o DPkg::Lock::Timeout=600 --no-install-recommends $$missing \
		&& exit 0; \
	sleep $$pause; \
done; \
exit 1
endef

# What has just been installed is seen by a make that begins anew.
AGAIN = $(MAKE) --no-print-directory

deps:
	$(call apt,$(DEPS_BUILD) $(DEPS_DEMO) $(DEPS_TEST))

deps-build:
	$(call apt,$(DEPS_BUILD))

deps-demo:
	$(call apt,$(DEPS_BUILD) $(DEPS_DEMO))

deps-analyze:
	$(call apt,$(DEPS_BUILD) $(DEPS_ANALYZE))

deps-fuzz:
	$(call apt,$(DEPS_FUZZ))

deps-bench:
	$(call apt,$(DEPS_BUILD) $(DEPS_BENCH))


# --- the module

# A file that an nginx has loaded is replaced, never written into.
build: $(BUILD)/nginx/Makefile
	@$(NESTED) -f $< modules
	@cd $(BUILD)/nginx && for so in *.so; do \
		cmp -s $$so ../$$so || { cp $$so $$so.new && mv $$so.new ../$$so; }; \
	done

$(BUILD)/nginx/Makefile: config Makefile $(BUILD)/settings | $(TREE)
	@echo "configuring $(TREE)"
	@$(call configure,$(BUILD)/nginx,$(CFLAGS),$(LDFLAGS),$(ADDONS))

# Changes when what can be set has changed.
$(BUILD)/settings: FORCE
	@mkdir -p $(BUILD)
	@echo '$(CC) $(CFLAGS) $(LDFLAGS) $(NGINX_SRC) $(NDK_SRC)' \
		'$(if $(DEBIAN_FLAGS),,$(NGINX_CONF))' > $@.new
	@cmp -s $@.new $@ && rm $@.new || mv $@.new $@

$(BUILD)/tree: $(BUILD)/settings
	@[ -x $(NGINX_SRC)/configure ] || { \
		echo "no nginx source in $(NGINX_SRC), see make help" >&2; \
		exit 1; }
	@rm -rf $@ && cp -as $(abspath $(NGINX_SRC)) $@ && rm -f $@/Makefile

install: build
	install -d $(DESTDIR)$(MODULES_DIR) $(DESTDIR)$(CONF_DIR)
	install -m 644 $(BUILD)/$(MODULE) $(DESTDIR)$(MODULES_DIR)
	echo 'load_module modules/$(MODULE);' \
		> $(DESTDIR)$(CONF_DIR)/mod-http-notify.conf
	@echo "to load it: ln -s $(CONF_DIR)/mod-http-notify.conf" \
		"/etc/nginx/modules-enabled/50-mod-http-notify.conf"

clean:
	[ ! -d $(BUILD)/demo ] || docs/examples/django/demo.sh stop
	rm -rf $(BUILD)


# --- the example

demo: deps-demo
	@$(AGAIN) build
	docs/examples/django/demo.sh start

demo-stop:
	docs/examples/django/demo.sh stop


# --- tests

test: deps
	@$(AGAIN) build
	@NOTIFY_TEST_OBJS=$(BUILD) prove -j $(JOBS) $(TESTS)

lint:
	t/lint

# All of src/, with the headers that nginx's makefile names.  What may be one
# tool's mistake is said to be where it is; a tool whose mistakes are too many
# is told at once: .clang-tidy.
SOURCES = $(wildcard $(TOP)/src/*.c)
INCLUDES = $(shell sed -n '/^ALL_INCS/,/^$$/s/ALL_INCS =\|\\$$//gp' \
	$(BUILD)/nginx/Makefile)
EACH = cd $(TREE) && printf '%s\n' $(SOURCES) | xargs -P $(JOBS) -I{}

analyze: deps-analyze
	@$(AGAIN) analyze-gcc analyze-tidy analyze-cppcheck

analyze-gcc: $(BUILD)/nginx/Makefile
	@echo 'gcc -fanalyzer'
	@$(EACH) gcc -c -g -O2 -Wall -Wextra -Wno-unused-parameter -Werror \
		-fanalyzer $(INCLUDES) -o /dev/null {}

# It tells how many warnings of others it has left out.
analyze-tidy: $(BUILD)/nginx/Makefile
	@clang-tidy --version | grep -i version
	@$(EACH) clang-tidy --quiet --config-file=$(TOP)/.clang-tidy \
		--header-filter='^$(TOP)/src/' {} -- -std=gnu11 $(INCLUDES) \
		> $(BUILD)/tidy.log 2>&1 || { cat $(BUILD)/tidy.log; exit 1; }

analyze-cppcheck: $(BUILD)/nginx/Makefile
	@cppcheck --version
	@cd $(TREE) && cppcheck -q -j $(JOBS) --std=c11 --inline-suppr \
		--enable=warning,performance,portability --error-exitcode=1 \
		--suppress=missingInclude --suppress=missingIncludeSystem \
		--suppress='*:src/*' --suppress='*:/usr/*' \
		$(INCLUDES) $(SOURCES)

# What is found stays in build/fuzz.
fuzz: deps-fuzz
	@FUZZ_DIR=$(BUILD)/fuzz FUZZ_TIME=$(FUZZ_TIME) FUZZ_JOBS=$(FUZZ_JOBS) \
		t/fuzz/run

bench: deps-bench
	@$(AGAIN) build
	NOTIFY_TEST_OBJS=$(BUILD) t/bench/bench.py

bench-quick: deps-build
	@$(AGAIN) build
	NOTIFY_TEST_OBJS=$(BUILD) t/bench/quick.py

bench-reload: deps-bench
	@$(AGAIN) build
	NOTIFY_TEST_OBJS=$(BUILD) t/bench/reload.py

# The module, and nginx too where its source is at hand: NGINX_SRC=dir (what
# nginx-dev installs are headers).  Else the packaged nginx gets the
# sanitizers' libraries, which watch its heap but not its own code.
# That nginx does not free everything when it exits is no leak of a server:
# what grows is seen by t/reload.t, which counts.  Nor is a list of modules
# that each module file has under the same name, as nginx makes them.
SANITIZE = -fsanitize=address,undefined -fno-omit-frame-pointer
ASAN := $(BUILD)/asan
ASAN_TESTS = $(filter-out t/build.t t/docs.t t/lint.t,$(wildcard t/*.t))
WHOLE := $(wildcard $(NGINX_SRC)/src/core/nginx.c)
LIBASAN = $(shell $(CC) -print-file-name=libasan.so)
LIBUBSAN = $(shell $(CC) -print-file-name=libubsan.so)

$(ASAN)/Makefile: config Makefile $(BUILD)/settings | $(TREE)
	@echo "configuring $(TREE) with $(SANITIZE)"
	@$(call configure,$(ASAN),-g -O1 $(SANITIZE),$(SANITIZE),$(ADDONS))

# nginx itself reads methods as words, and copies no bytes from NULL.
NGINX_SANITIZE = $(SANITIZE) \
	-fno-sanitize=alignment -fno-sanitize=nonnull-attribute

$(ASAN)-nginx/Makefile: Makefile $(BUILD)/settings | $(TREE)
	@$(call configure,$(ASAN)-nginx,-g -O1 $(NGINX_SANITIZE),$(SANITIZE),)

test-asan: deps
	@$(AGAIN) build asan test-asan-run

test-asan-run:
	@NOTIFY_TEST_OBJS=$(ASAN) NOTIFY_TEST_TAG=asan \
	ASAN_OPTIONS=detect_leaks=0:detect_odr_violation=0 \
	UBSAN_OPTIONS=print_stacktrace=1 \
	$(if $(WHOLE),TEST_NGINX_BINARY=$(ASAN)-nginx/nginx, \
		TEST_NGINX_LD_PRELOAD="$(LIBASAN) $(LIBUBSAN)") \
		prove -j $(JOBS) $(if $(filter t,$(TESTS)),$(ASAN_TESTS),$(TESTS))

asan: $(ASAN)/Makefile $(if $(WHOLE),$(ASAN)-nginx/Makefile)
	@$(NESTED) -f $(ASAN)/Makefile modules
	@$(if $(WHOLE),$(NESTED) -f $(ASAN)-nginx/Makefile binary)

# What needs no nginx, and what runs in one worker.  When a process ends,
# valgrind goes through all the address space that was reserved for the zone:
# with less of it that takes no time.
VALGRIND = --quiet --error-exitcode=9
VALGRIND_TESTS = t/handshake.t t/frames.t t/nginx.t t/origin.t t/push.t \
	t/status.t t/vars.t

test-valgrind: deps
	@$(AGAIN) build
	@UNIT_SANITIZE= UNIT_WRAP='valgrind $(VALGRIND)' prove t/unit.t
	@ulimit -v 700000; NOTIFY_TEST_OBJS=$(BUILD) NOTIFY_TEST_TAG=valgrind \
	TEST_NGINX_USE_VALGRIND=1 \
		prove -j $(JOBS) $(if $(filter t,$(TESTS)),$(VALGRIND_TESTS),$(TESTS))
