/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_LIB_NFT_H
#define CRBPF_LIB_NFT_H

/*
 * libnftables, loaded when it is first wanted and not when the program starts: few runs
 * need it and the libraries that it brings, and there is no static
 * one, so that a static crbpf would otherwise be bound to one distribution.
 */

struct nft_ctx;

struct nft {
	void *library; /* of dlopen */
	struct nft_ctx *ctx;
	int (*run)(struct nft_ctx *, const char *);
	const char *(*error_text)(struct nft_ctx *);
	void (*free)(struct nft_ctx *);
};

/*
 * Loads the library and makes a context whose output is kept, not printed. Returns 0, or
 * -ENOENT with the reason in @why (borrowed, valid until the next use of dlopen). nft_close
 * is to be called either way.
 */
int nft_open(struct nft *nft, const char **why);

void nft_close(struct nft *nft);

/*
 * Runs commands in nft's own language as one transaction. Returns 0, or -EINVAL with nft's
 * words in @words (borrowed, valid until the next command; several lines).
 */
int nft_run(struct nft *nft, const char *commands, const char **words);

#endif
