/* library.c - version of oneDNN, the only thing outside the float executor that asks it anything. */
#include "net/library.h"

#include <oneapi/dnnl/dnnl.h>
#include <stdio.h>

const char *mho_net_library(void)
{
    static char text[64];
    const dnnl_version_t *version = dnnl_version();
    snprintf(text, sizeof text, "oneDNN %d.%d.%d", version->major, version->minor, version->patch);
    return text;
}
