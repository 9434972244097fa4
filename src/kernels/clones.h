/* clones.h - hot loops outside the kernel table, compiled once per instruction set and chosen at load time.
 *
 * Without -ffast-math the compiler keeps the order of every sum, so all clones give
 * the same bits. Levels, not models of CPUs: "arch=haswell" is taken on Intel's chips only. Off under sanitizers, whose
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
