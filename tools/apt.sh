# shellcheck shell=bash disable=SC2154,SC2034
# SPDX-License-Identifier: GPL-2.0-only
# Debian packages of another suite or processor, unpacked into a folder; sourced by scripts of
# tools/ that define $out and die(). APT runs with a configuration and state of its own, so that
# this machine's sources, pins and packages play no part: only its mirror's address is taken.

as_root() {
	if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

debian_mirror() {
	# shellcheck disable=SC2016
	apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' \
		'Component: main' 2>/dev/null | sed -n 1p
}

# Prepares APT for the packages of some suites, of which the newest versions are taken. Until
# apt_close its state is in $apt_folder, downloads in $apt_debs.
apt_open() { # ARCH SUITE...
	local arch=$1 key=/usr/share/keyrings/debian-archive-keyring.gpg mirror suite

	shift
	apt_folder=$out/apt/$arch-${*// /+}
	apt_debs=$apt_folder/cache/archives
	rm -rf "$apt_folder"
	mkdir -p "$apt_folder"/lists/partial "$apt_debs/partial"
	apt_options=(-qq -o "Dir::State=$apt_folder" -o "Dir::State::status=$apt_folder/status"
		-o "Dir::Cache=$apt_folder/cache" -o "Dir::Etc::sourcelist=$apt_folder/sources.list"
		-o Dir::Etc::sourceparts=/dev/null -o "Dir::Etc::preferences=$apt_folder/preferences"
		-o Dir::Etc::preferencesparts=/dev/null -o "APT::Architecture=$arch"
		-o "APT::Architectures::=$arch" -o APT::Install-Recommends=false
		-o Acquire::Languages=none -o Acquire::Retries=3 -o Acquire::http::Timeout=20
		-o Acquire::https::Timeout=20 -o APT::Update::Error-Mode=any -o APT::Sandbox::User=root
		-o Debug::NoLocking=true)
	mirror=$(debian_mirror)
	if [ -z "$mirror" ]; then
		as_root apt-get -qq update
		mirror=$(debian_mirror)
	fi
	[ -n "$mirror" ] || die "this machine's APT knows no Debian mirror"
	for suite; do
		echo "deb [signed-by=$key] $mirror $suite main"
	done >"$apt_folder/sources.list"
	# Backports have a low priority of their own.
	printf 'Package: *\nPin: release o=*\nPin-Priority: 500\n' >"$apt_folder/preferences"
	: >"$apt_folder/status"
	apt_quiet update || apt_die "cannot read the package lists of $* for $arch"
}

# What it complains of is kept for apt_die.
apt_quiet() { # ARGUMENT-OF-APT-GET...
	apt-get "${apt_options[@]}" "$@" >&2 </dev/null 2>"$apt_folder/errors"
}

# APT's first error is the cause, and all that is said; with addresses in it, so it ends the line.
apt_die() { # MESSAGE
	local why

	why=$(grep -m 1 '^E: ' "$apt_folder/errors") || why=$(tail -n 1 "$apt_folder/errors")
	die "$1: choose a mirror that answers in APT's sources, or a proxy by http_proxy=URL" \
		"(${why#E: })"
}

apt_download() { # PACKAGE...; with all they depend on
	apt_quiet -y --download-only install "$@" || apt_die "cannot download $*"
}

# Unpacks packages into a new folder. No maintainer script runs.
apt_unpack() { # FOLDER DEB...
	local folder=$1 deb d

	shift
	mkdir -p "$folder"/usr/{bin,sbin,lib,lib64}
	for d in bin sbin lib lib64; do ln -sfn "usr/$d" "$folder/$d"; done
	for deb; do
		dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$folder" --keep-directory-symlink \
			--no-same-owner --exclude='./usr/share/doc' --exclude='./usr/share/man' \
			--exclude='./usr/share/locale'
	done
}

apt_close() {
	rm -rf "$apt_folder"
}
