# shellcheck shell=bash disable=SC2154,SC2034
# SPDX-License-Identifier: GPL-2.0-only
# disks.sh - what a guest is made of, built once from Debian's packages; sourced by tools/vm/guest.
# A kernel is a folder with vmlinuz, initrd and its modules, a root a folder with root.ext4. Their
# names end in a hash of what they were made from, so a change here makes new ones.

# The guests' programs are of this machine's suite: what was built or cross-built here fits.
root_suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
packages=(base-files base-passwd libc-bin dash bash coreutils util-linux bsdutils mount login passwd
	iproute2 nftables iptables procps kmod grep sed mawk findutils diffutils hostname tar gzip dpkg
	busybox-static libbpf1 libelf1 libprotobuf-c1 libnftables1 libcap2 libxxhash0 zlib1g
	ncurses-base file python3 perl strace tmux sqlite3 redis-tools)
# What --programs adds: some ten times as much.
more_packages=(vim default-jre-headless bsh nodejs ibus dbus-daemon dbus-bin libglib2.0-bin tzdata
	postgresql memcached nginx-light lsof util-linux-extra xvfb xterm xdotool)
# What has to be loaded before the root and the shared folders can be mounted.
boot_modules=(virtio_pci virtio_blk virtio_console crc32c_generic ext4 9pnet_virtio 9p)

kernel_suites() { # 6.1|6.12|newest; the newest of them is taken
	case $1 in
	6.1) echo bookworm ;;
	6.12) echo trixie ;;
	newest) echo trixie-backports sid ;;
	*) die "kernel $1: say 6.1, 6.12 or newest, and perhaps -16k after it" ;;
	esac
}

# --- kernels -----------------------------------------------------------------------------------

build_kernel() { # FOLDER ARCH KERNEL BUSYBOX
	local folder=$1 arch=$2 flavour=$2 suites version file names

	[[ $3 != *-16k ]] || flavour=$arch-16k
	suites=$(kernel_suites "${3%-16k}") || exit
	# shellcheck disable=SC2086
	apt_open "$arch" $suites
	mapfile -t names < <(apt-cache "${apt_options[@]}" depends --recurse --important \
		"linux-image-$flavour" | grep -E '^linux-(image|base|binary|modules)-[0-9]')
	[ ${#names[@]} -gt 0 ] || die "there is no kernel $3 for $arch"
	(cd "$apt_debs" && apt_quiet download "${names[@]}") || apt_die "cannot download ${names[*]}"
	apt_unpack "$folder/files" "$apt_debs"/*.deb
	apt_close
	version=$(basename "$folder"/files/usr/lib/modules/*)
	[[ $3 == newest* || $version == "${3%-16k}".* ]] || die "kernel $3 for $arch is now $version"
	for file in "$folder/files/boot/vmlinuz-$version" \
		"$folder/files/usr/lib/modules/$version/vmlinuz"; do
		[ ! -e "$file" ] || mv "$file" "$folder/vmlinuz"
	done
	mv "$folder/files/usr/lib/modules" "$folder/modules"
	rm -rf "$folder/files"
	mkdir -p "$folder/usr/lib"
	ln -s ../../modules "$folder/usr/lib/modules"
	ln -s usr/lib "$folder/lib"
	depmod -b "$folder" "$version"
	build_initrd "$folder" "$version" "$4"
	echo "$version" >"$folder/version"
}

build_initrd() { # FOLDER VERSION BUSYBOX
	local tree=$1/initrd.tree module file n=100

	mkdir -p "$tree"/{bin,dev,root,modules}
	cp "$3" "$tree/bin/busybox"
	cp "$here/initrd-init" "$tree/init"
	# A driver that is built in, or that this version no longer has, is no error.
	for module in "${boot_modules[@]}"; do
		modprobe -C /dev/null -d "$1" -S "$2" --show-depends "$module" 2>/dev/null || :
	done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' | while read -r file; do
		module=$tree/modules/$((n++)).ko
		case $file in *.xz) xz -dc "$file" ;; *) cat "$file" ;; esac >"$module"
	done
	(cd "$tree" && find . | cpio -o -H newc -R 0:0 --quiet) >"$1/initrd"
	rm -rf "$tree"
}

# --- root file systems -------------------------------------------------------------------------

build_root() { # FOLDER ARCH PACKAGE...
	local folder=$1 root=$1/files fake_root=()

	apt_open "$2" "$root_suite"
	shift 2
	apt_download "$@"
	apt_unpack "$root" "$apt_debs"/*.deb
	tell_dpkg "$root" "$apt_debs"/*.deb
	apt_close
	finish_root "$root"
	cp "$root/usr/bin/busybox" "$folder/busybox"
	[ "$(id -u)" = 0 ] || fake_root=(unshare --user --map-root-user)
	"${fake_root[@]}" mke2fs -q -t ext4 -O ^has_journal -m 0 -d "$root" "$folder/root.ext4" 4G \
		>/dev/null
	rm -rf "$root"
}

# dpkg in the guest knows what is there, so that it can install more.
tell_dpkg() { # ROOT DEB...
	local db=$1/var/lib/dpkg deb name

	shift
	mkdir -p "$db"/{info,updates,triggers,parts}
	for deb; do
		name=$(dpkg-deb -f "$deb" Package)
		dpkg-deb -f "$deb" | sed '1a Status: install ok installed' >>"$db/status"
		echo >>"$db/status"
		dpkg-deb --fsys-tarfile "$deb" | tar -t | sed 's|^\.||; s|/$||; s|^$|/.|' >"$db/info/$name.list"
		case $(dpkg-deb -f "$deb" Multi-Arch) in
		same) mv "$db/info/$name.list" "$db/info/$name:$(dpkg-deb -f "$deb" Architecture).list" ;;
		esac
	done
}

# The little that maintainer scripts would have added.
finish_root() { # ROOT
	local root=$1 name

	mkdir -p "$root"/{dev,proc,sys,run,tmp,root,mnt,usr/lib/modules,var/tmp}
	chmod 1777 "$root"/tmp "$root"/var/tmp
	cp "$root/usr/share/base-passwd/passwd.master" "$root/etc/passwd"
	cp "$root/usr/share/base-passwd/group.master" "$root/etc/group"
	printf '127.0.0.1 localhost\n::1 localhost\n' >"$root/etc/hosts"
	ln -sfn ../proc/self/mounts "$root/etc/mtab"
	ln -sfn /run "$root/var/run"
	[ -e "$root/usr/bin/sh" ] || ln -s dash "$root/usr/bin/sh"
	ln -sf mawk "$root/usr/bin/awk"
	for name in iptables ip6tables {iptables,ip6tables}-{save,restore}; do
		ln -sf xtables-nft-multi "$root/usr/sbin/$name"
	done
	[ ! -e "$root/usr/bin/vim.basic" ] || ln -sf vim.basic "$root/usr/bin/vim"
	for name in "$root"/usr/lib/jvm/java-*-*/bin/java; do
		[ ! -e "$name" ] || ln -sf "${name#"$root"}" "$root/usr/bin/java"
	done
}

# --- made once ---------------------------------------------------------------------------------

# Builds what is not there yet, also when several guests begin together. Sets $built.
build() { # NAME COMMAND [ARG]...; the command is given a folder to fill before its arguments
	local name=$1 command=$2

	shift 2
	built=$cache/$name
	[ ! -e "$built" ] || return 0
	(
		flock 9
		[ ! -e "$built" ] || exit 0
		echo "vm: building ${name%-*}" >&2
		rm -rf "$built.new"
		mkdir "$built.new"
		"$command" "$built.new" "$@"
		mv "$built.new" "$built"
	) 9>"$cache/lock"
}

hash_of() { # TEXT...
	printf '%s\n' "$@" | sha256sum | cut -c 1-8
}

# Sets $kernel_folder and $root_folder.
build_disks() { # ARCH KERNEL [PACKAGE]...; packages besides those of every guest
	local what

	mkdir -p "$cache"
	what=$(hash_of "${packages[@]}" "${@:3}" "$(declare -f finish_root tell_dpkg)")
	build "root-$root_suite-$1-$what" build_root "$1" "${packages[@]}" "${@:3}"
	root_folder=$built
	build "kernel-$2-$1-$(hash_of "${boot_modules[@]}" "$(<"$here/initrd-init")")" \
		build_kernel "$1" "$2" "$root_folder/busybox"
	kernel_folder=$built
}
