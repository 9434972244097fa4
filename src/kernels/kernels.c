/* kernels.c - the tables and the choice between them. */
#include "kernels/kernels.h"

#include <stdatomic.h>
#include <string.h>

#include "kernels/kernels_internal.h"

#define TABLE(isa)                                                                                                  \
    {                                                                                                               \
        .name = #isa, .normals = normals_##isa, .words = words_##isa, .mvm_u8s8 = mvm_u8s8_##isa,                   \
        .mvm_f32 = mvm_f32_##isa, .combine_planes = combine_planes_##isa, .add_noise = add_noise_##isa,             \
        .convert = convert_##isa, .accumulate = accumulate_##isa, .requantize = requantize_##isa, .log = log_##isa, \
        .exp = exp_##isa,                                                                                           \
    }

/* best last */
static const MhoKernels tables[] = {
    TABLE(scalar),
#ifdef MHO_HAVE_AVX2
    TABLE(avx2),
#endif
#ifdef MHO_HAVE_AVX512
    TABLE(avx512),
#endif
};

enum { N_TABLES = sizeof tables / sizeof *tables };

static _Atomic(const MhoKernels *) in_use;

static bool cpu_runs(const MhoKernels *table)
{
#if defined(__x86_64__) || defined(__i386__)
    if (strcmp(table->name, "avx2") == 0)
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (strcmp(table->name, "avx512") == 0)
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
               __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("fma");
#endif
    return strcmp(table->name, "scalar") == 0;
}

size_t mho_kernels_available(const MhoKernels **found, size_t max)
{
    size_t n = 0;
    for (size_t i = 0; i < N_TABLES && n < max; i++)
        if (cpu_runs(&tables[i]))
            found[n++] = &tables[i];
    return n;
}

static const MhoKernels *best(void)
{
    const MhoKernels *found[N_TABLES];
    return found[mho_kernels_available(found, N_TABLES) - 1];
}

const MhoKernels *mho_kernels(void)
{
    const MhoKernels *table = atomic_load_explicit(&in_use, memory_order_relaxed);
    if (!table) {
        /* threads that race here store the same pointer */
        table = best();
        atomic_store_explicit(&in_use, table, memory_order_relaxed);
    }
    return table;
}

MhoStatus mho_kernels_force(const char *name, MhoError *error)
{
    const MhoKernels *found[N_TABLES];
    const size_t n = mho_kernels_available(found, N_TABLES);
    char choices[N_TABLES * 16] = ""; /* names of tables are shorter than 14 */
    if (name && strcmp(name, "auto") == 0) {
        atomic_store(&in_use, found[n - 1]);
        return MHO_OK;
    }
    for (size_t i = 0; name && i < n; i++) {
        if (strcmp(name, found[i]->name) == 0) {
            atomic_store(&in_use, found[i]);
            return MHO_OK;
        }
    }
    for (size_t i = 0; i < n; i++)
        strcat(strcat(choices, ", "), found[i]->name);
    return mho_fail(error, MHO_USAGE, "kernels '%s': unknown or not supported by this CPU; choose auto%s",
                    name ? name : "", choices);
}
