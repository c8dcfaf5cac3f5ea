/* SPDX-License-Identifier: GPL-2.0-only */
/* The linked BPF programs, as they are: bytes for bpf_object__open_mem. */

	.section .rodata
	.balign 16
	.global bpf_programs, bpf_programs_end
bpf_programs:
	.incbin "crbpf.bpf.o"
bpf_programs_end:
	.byte 0
	.section .note.GNU-stack, "", %progbits
