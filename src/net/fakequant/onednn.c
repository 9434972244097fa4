/* onednn.c - version and threads of oneDNN, for files that do not include its headers. */
#include "net/fakequant/onednn.h"

#include <oneapi/dnnl/dnnl.h>
#include <omp.h>
#include <stdio.h>

const char *mho_onednn_version(void)
{
    static char text[64];
    const dnnl_version_t *version = dnnl_version();
    snprintf(text, sizeof text, "oneDNN %d.%d.%d", version->major, version->minor, version->patch);
    return text;
}

int mho_onednn_set_threads(int threads)
{
    const int before = omp_get_max_threads();
    if (threads > 0)
        omp_set_num_threads(threads); /* Debian's oneDNN runs on OpenMP */
    return before;
}
