# SPDX-License-Identifier: GPL-2.0-only
# crbpf. `make help` lists what can be made; V=1 shows the commands, ARCH=arm64 builds for ARM64.

VERSION  := 0.1
comma    := ,
HOSTARCH := $(patsubst aarch64,arm64,$(patsubst x86_64,x86,$(shell uname -m)))
ARCH     ?= $(HOSTARCH)
PREFIX   ?= /usr/local
O        ?= .output$(if $(filter-out $(HOSTARCH),$(ARCH)),/$(ARCH))
BPFTOOL  ?= $(firstword $(wildcard /usr/sbin/bpftool /usr/bin/bpftool) bpftool)
CLANG    ?= clang
LLVM_STRIP ?= llvm-strip

ifneq ($(ARCH),$(HOSTARCH))
CROSS   := $(if $(filter arm64,$(ARCH)),aarch64-linux-gnu-,x86_64-linux-gnu-)
SYSROOT ?= .output/sysroot-$(ARCH)
TRIPLET := $(CROSS:-=)
CPPFLAGS += -isystem $(SYSROOT)/usr/include -isystem $(SYSROOT)/usr/include/$(TRIPLET)
LDFLAGS += -L$(SYSROOT)/usr/lib/$(TRIPLET) -Wl,-rpath-link,$(SYSROOT)/usr/lib/$(TRIPLET):$(SYSROOT)/lib/$(TRIPLET)
endif
ifeq ($(origin CC),default)
CC := $(CROSS)gcc
endif

CFLAGS   ?= -O2 -g
WARN     := -Wall -Wextra -Wshadow -Wmissing-prototypes -Wno-unused-parameter $(WERROR)
CPPFLAGS += -D_GNU_SOURCE -DCRBPF_VERSION='"$(VERSION)"' -Iuser -I. -I$O -MMD -MP
# libelf may want -lzstd behind it (elfutils 0.189): EXTRA_LIBS
OWN_LIBS := -lbpf -lelf -lz -lprotobuf-c -lcap -lxxhash $(EXTRA_LIBS)
LIBS     := $(if $(STATIC),-Wl$(comma)-Bstatic $(OWN_LIBS) -Wl$(comma)-Bdynamic,$(OWN_LIBS)) -lpthread -ldl

PROTO    := $(sort $(wildcard images/*.proto))
PB_C     := $(PROTO:%.proto=$O/%.pb-c.c)
SRC      := $(sort $(filter-out user/main.c,$(wildcard user/*.c user/*/*.c)) \
	    $(wildcard user/*/*.S arch/*.c arch/$(ARCH)/*.c arch/$(ARCH)/*.S))
LIB_OBJ  := $(addprefix $O/,$(addsuffix .o,$(basename $(SRC)))) $(PB_C:.c=.o)
KINDS    := $(sort $(notdir $(basename $(wildcard user/kind/*.c))))
BPF_SRC  := $(sort $(wildcard bpf/*.bpf.c))
UNIT     := $(addprefix $O/,$(basename $(sort $(wildcard selftests/unit/*.c))))
SUBJECTS := $(addprefix $O/,$(basename $(sort $(wildcard selftests/*.c))) selftests/steady_static)

ifneq ($(V),1)
msg = @printf '  %-8s %s\n' "$(1)" "$(patsubst $O/%,%,$(2))";
endif

.PHONY: all help install demo check check-vm soak check-unit selftest bench plot tests sanitize clean dist deb rpm FORCE
.DELETE_ON_ERROR:
.SECONDARY:

all: $O/crbpf

help:
	@sed -n 's/^## //p' Makefile
## make             build crbpf below .output/
## make install     install below DESTDIR and PREFIX (/usr/local)
## make demo        install what the build needs, build, checkpoint and restore a program (root)
## make check       install what the tests need, build, run every test (root)
## make check-vm  every test in virtual machines of other kernels and ARM64; ARCH=arm64 KERNEL=6.12
##                 TESTS=pidfd run part of it
## make soak        the tests of snapshots and of kills, 500 rounds each (root); ROUNDS=1000
## make check-unit  only the tests that need no privilege;  make selftest: only the others
## make bench       measure against Debian's criu and this machine's limits (root)
## make plot        how long a program stands still by its memory: .output/frozen.svg (root)
## make sanitize    the unit tests under ASan and UBSan
## make dist        a tarball of what is committed;  make deb, make rpm: packages, made of it
## make ARCH=arm64  build for ARM64;  STATIC=1: needs no library but the C library

# --- BPF: every bpf/*.bpf.c is linked into one object; details are called from a generated list
BPF_OBJ := $(BPF_SRC:%.c=$O/%.o)
# One vmlinux.h for all architectures: libbpf puts in the offsets. shared.bpf.c goes first (see there).
BPF_CFLAGS := -g -O2 -target bpf -mcpu=v3 -Wall -Werror -Ivmlinux -Ibpf -I$O/bpf \
	$(if $(SYSROOT),-isystem $(SYSROOT)/usr/include)

$O/bpf/%.bpf.o: bpf/%.bpf.c $(wildcard bpf/*.h) $O/bpf/details.inc vmlinux/vmlinux.h
	$(call msg,BPF,$@)mkdir -p $(@D) && $(CLANG) $(BPF_CFLAGS) -c $< -o $@

$O/bpf/details.inc: FORCE
	@mkdir -p $(@D); grep -ohE '^int [a-z_0-9]+_detail\(' $(BPF_SRC) | sort | sed 's/^int \(.*\)_detail(/DETAIL(\1)/' > $@.new; \
	cmp -s $@.new $@ && rm $@.new || mv $@.new $@

$O/crbpf.bpf.o: $(BPF_OBJ)
	$(call msg,BPFLINK,$@)$(BPFTOOL) gen object $@ $(sort $(filter %/shared.bpf.o,$^)) $(filter-out %/shared.bpf.o,$^)

# the programs are part of crbpf (user/collect/object.S); their hash names the pinned ones
$O/bpf-hash.h: $O/crbpf.bpf.o
	@printf '#define CRBPF_BPF_HASH "%.16s"\n' "$$(sha256sum < $<)" > $@
$O/user/collect/object.o: $O/crbpf.bpf.o

# --- generated C
$O/images/%.pb-c.c $O/images/%.pb-c.h: images/%.proto
	$(call msg,PROTO,$<)mkdir -p $(@D) && protoc-c --proto_path=images --c_out=$(@D) $<

$O/kinds.inc: FORCE
	@mkdir -p $(@D); printf 'KIND(%s)\n' $(subst -,_,$(KINDS)) > $@.new; \
	cmp -s $@.new $@ && rm $@.new || mv $@.new $@

# --- objects
GENERATED := $(PB_C:.c=.h) $O/bpf-hash.h $O/kinds.inc

$O/%.o: %.c | $(GENERATED)
	$(call msg,CC,$@)mkdir -p $(@D) && $(CC) $(CPPFLAGS) -I$O/images $(CFLAGS) $(WARN) -c $< -o $@

$O/%.o: %.S | $(GENERATED)
	$(call msg,AS,$@)mkdir -p $(@D) && $(CC) $(CPPFLAGS) $(CFLAGS) -c $< -o $@

$O/images/%.o: $O/images/%.c
	$(call msg,CC,$@)$(CC) $(CPPFLAGS) -I$O/images $(CFLAGS) -c $< -o $@

$O/libcrbpf.a: $(LIB_OBJ)
	$(call msg,AR,$@)rm -f $@ && $(CROSS)ar rcs $@ $^

$O/crbpf: $O/user/main.o $O/libcrbpf.a
	$(call msg,LINK,$@)$(CC) $(CFLAGS) $(LDFLAGS) $^ $(LIBS) -o $@

# --- tests
TEST_WARN := -Wall -Wextra -Wno-sign-compare -Wno-unused-parameter -Wno-missing-field-initializers \
	$(if $(findstring clang,$(CC)),,-Wno-format-truncation) $(WERROR)

$O/selftests/unit/%: selftests/unit/%.c selftests/harness.h $O/libcrbpf.a
	$(call msg,TEST,$@)mkdir -p $(@D) && $(CC) $(CPPFLAGS) -I$O/images -Iselftests $(CFLAGS) $(LDFLAGS) $(TEST_WARN) $< $O/libcrbpf.a $(LIBS) -o $@

$O/selftests/%: selftests/%.c selftests/subject.h
	$(call msg,SUBJECT,$@)mkdir -p $(@D) && $(CC) $(CPPFLAGS) -Iselftests/$(ARCH) $(CFLAGS) $(LDFLAGS) $(TEST_WARN) $< \
		-lpthread -o $@

# Static programs of another C library, where musl-gcc is; a cross build takes libc.a.
STATIC_CC := $(if $(CROSS),,$(if $(shell command -v musl-gcc),musl-gcc -idirafter /usr/include \
	-idirafter /usr/include/$(shell gcc -dumpmachine)))
$O/selftests/static_program: selftests/static_program.c selftests/subject.h
$O/selftests/steady_static: selftests/steady.c selftests/subject.h
$O/selftests/static_program $O/selftests/steady_static:
	$(call msg,SUBJECT,$@)mkdir -p $(@D) && $(or $(STATIC_CC),$(CC) $(LDFLAGS)) -static -D_GNU_SOURCE -O2 -g -I. \
		-Iselftests/$(ARCH) -Iselftests $< -lpthread -o $@

tests: all $(UNIT) $(SUBJECTS)

check-unit: $(UNIT)
	@selftests/run.py --output $O --unit
selftest: tests
	@selftests/run.py --output $O --selftests
check:
	@tools/install-deps test
	@$(MAKE) --no-print-directory tests
	@selftests/run.py --output $O
soak:
	@tools/install-deps test
	@$(MAKE) --no-print-directory tests
	@CRBPF_ROUNDS=$(or $(ROUNDS),500) selftests/run.py --output $O --only cases/snapshot --only cases/killed_dump
check-vm:
	@tools/vm/check $(if $(filter command%,$(origin ARCH)),--arch $(ARCH)) $(if $(KERNEL),--kernel $(KERNEL)) \
		$(if $(TESTS),--tests '$(TESTS)')
demo:
	@tools/install-deps build
	@$(MAKE) --no-print-directory all
	@tools/demo $O/crbpf
bench:
	@tools/install-deps test
	@$(MAKE) --no-print-directory tests
	@tools/bench --output $O
	@tools/bench-scan --output $O
	@tools/bench-plot --output $O --svg $O/frozen.svg
plot:
	@tools/install-deps test
	@$(MAKE) --no-print-directory tests
	@tools/bench-plot --output $O --svg $O/frozen.svg
sanitize:
	@$(MAKE) --no-print-directory O=.output/sanitize CFLAGS='-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all' check-unit

SBINDIR ?= $(PREFIX)/sbin
MANDIR  ?= $(PREFIX)/share/man
install: all
	install -D -m 755 $O/crbpf $(DESTDIR)$(SBINDIR)/crbpf
	for page in $(wildcard man/*.8); do install -D -m 644 $$page $(DESTDIR)$(MANDIR)/man8/$${page##*/} || exit 1; done
	$(call completion,bash,bash-completion/completions/crbpf)
	$(call completion,zsh,zsh/site-functions/_crbpf)
	$(call completion,fish,fish/vendor_completions.d/crbpf.fish)

# The program writes them itself; one of another architecture needs a native one beside it.
COMPLETER := $(if $(CROSS),$(wildcard .output/crbpf),$O/crbpf)
completion = @$(if $(COMPLETER),mkdir -p $(dir $(DESTDIR)$(PREFIX)/share/$2) && $(COMPLETER) completion $1 > $(DESTDIR)$(PREFIX)/share/$2,\
	echo 'no completion for $1: build crbpf for this machine first')

# --- releases: what is committed
TARBALL := .output/crbpf-$(VERSION).tar.gz
dist:
	@mkdir -p .output && git archive --format=tar.gz --prefix=crbpf-$(VERSION)/ -o $(TARBALL) HEAD && echo $(TARBALL)
deb rpm: dist
	@tools/package $@ $(ARCH) $(TARBALL) $(abspath $(SYSROOT))

clean:
	rm -rf .output

-include $(shell find $(addprefix $O/,arch images selftests user) -name '*.d' 2>/dev/null)
