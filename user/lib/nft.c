// SPDX-License-Identifier: GPL-2.0-only
/* libnftables by dlopen. */

#include "lib/nft.h"

#include <dlfcn.h>
#include <errno.h>
#include <nftables/libnftables.h>
#include <stddef.h>

#define LIBRARY "libnftables.so.1"

int nft_open(struct nft *nft, const char **why)
{
	__typeof__(&nft_ctx_new) create;
	__typeof__(&nft_ctx_buffer_output) keep_output, keep_errors;

	*nft = (struct nft){};
	*why = LIBRARY " cannot be started";
	nft->library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	if (!nft->library) {
		*why = dlerror();
		return -ENOENT;
	}
	create = (__typeof__(create))dlsym(nft->library, "nft_ctx_new");
	keep_output = (__typeof__(keep_output))dlsym(nft->library, "nft_ctx_buffer_output");
	keep_errors = (__typeof__(keep_errors))dlsym(nft->library, "nft_ctx_buffer_error");
	nft->run = (__typeof__(nft->run))dlsym(nft->library, "nft_run_cmd_from_buffer");
	nft->error_text =
		(__typeof__(nft->error_text))dlsym(nft->library, "nft_ctx_get_error_buffer");
	nft->free = (__typeof__(nft->free))dlsym(nft->library, "nft_ctx_free");
	if (!create || !keep_output || !keep_errors || !nft->run || !nft->error_text || !nft->free)
		return -ENOENT;
	nft->ctx = create(NFT_CTX_DEFAULT);
	if (!nft->ctx || keep_output(nft->ctx) || keep_errors(nft->ctx))
		return -ENOENT;
	return 0;
}

void nft_close(struct nft *nft)
{
	if (nft->ctx)
		nft->free(nft->ctx);
	if (nft->library)
		dlclose(nft->library);
	*nft = (struct nft){};
}

int nft_run(struct nft *nft, const char *commands, const char **words)
{
	if (!nft->run(nft->ctx, commands))
		return 0;
	*words = nft->error_text(nft->ctx);
	return -EINVAL;
}
