/* clones.h - for hot loops outside the kernel table: compiled once per instruction set, chosen at load time.
 *
 * Without -ffast-math the compiler keeps the order of every sum, so all clones give the same bits. The names are
 * levels, not CPUs, because "arch=haswell" is chosen on Intel's CPUs only. Off under the address sanitizer, whose
 * start-up runs before the choice.
 */
#ifndef MHO_KERNELS_CLONES_H
#define MHO_KERNELS_CLONES_H

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__)
#define MHO_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define MHO_CLONES
#endif

#endif
