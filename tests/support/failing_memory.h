/* failing_memory.h - allocations that fail on request, in this test binary only: the linker wraps the allocators
 * (--wrap, by the Meson dependency failing_memory), so release code has no hook. For one thread.
 */
#ifndef MHO_TESTS_FAILING_MEMORY_H
#define MHO_TESTS_FAILING_MEMORY_H

#include <stdbool.h>

/* The next n allocations succeed, the one after them fails, all later ones succeed. */
void memory_fail_after(int n);

/* Every allocation succeeds again. Returns whether one has failed. Call it before Check's macros, which allocate too.
 */
bool memory_has_failed(void);

/* The number of allocations by this program so far, without those of shared libraries. */
int memory_allocations(void);

#endif
