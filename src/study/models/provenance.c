/* provenance.c - versions, machine and time of a result. */
#include "study/models/provenance.h"

#include <gsl/gsl_version.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "kernels/kernels.h"
#include "net/fakequant/onednn.h"
#include "store/store.h"
#include "study/models/commit.h"
#include "study/models/version.h"

const char *mho_version(void)
{
    return MHO_VERSION;
}

const char *mho_commit(void)
{
    return MHO_COMMIT;
}

/* "model name" of the first processor, or "". */
static void cpu_name(char *name, size_t size)
{
    name[0] = '\0';
    FILE *info = fopen("/proc/cpuinfo", "r");
    char line[256];
    while (info && fgets(line, sizeof line, info)) {
        const char *value = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || !value)
            continue;
        snprintf(name, size, "%s", value + 2);
        name[strcspn(name, "\n")] = '\0';
        break;
    }
    if (info)
        fclose(info);
}

char *mho_version_text(void)
{
    char *text = NULL, cpu[128];
    cpu_name(cpu, sizeof cpu);
    int made = asprintf(&text,
                        "mho %s\n"
                        "commit     %s\n"
                        "compiler   %s, %s\n"
                        "libraries  %s, GSL %s, %s\n"
                        "kernels    %s\n"
                        "processor  %s\n",
                        MHO_VERSION, MHO_COMMIT, MHO_COMPILER, MHO_BUILDTYPE, mho_store_library(), gsl_version,
                        mho_onednn_version(), mho_kernels()->name, cpu);
    return made < 0 ? NULL : text;
}

static MhoStatus add_versions_and_machine(MhoAttributes *attributes, MhoError *error)
{
    char cpu[128], host[256] = "";
    cpu_name(cpu, sizeof cpu);
    (void)gethostname(host, sizeof host - 1);
    const struct {
        const char *name, *text;
    } texts[] = {
        {"mho_version", MHO_VERSION},
        {"git_commit", MHO_COMMIT},
        {"compiler", MHO_COMPILER},
        {"hdf5", mho_store_library()},
        {"gsl", gsl_version},
        {"dnnl", mho_onednn_version()},
        {"host", host},
        {"processor", cpu},
        {"kernels", mho_kernels()->name},
    };
    MhoStatus status = MHO_OK;
    for (size_t i = 0; i < sizeof texts / sizeof *texts && status == MHO_OK; i++)
        status = mho_attribute_text(attributes, texts[i].name, texts[i].text, error);
    return status == MHO_OK ? mho_attribute_int(attributes, "threads", omp_get_max_threads(), error) : status;
}

MhoStatus mho_provenance_add(MhoRecord *record, const char *study_text, double seconds, MhoError *error)
{
    MhoRecord *group;
    char when[32];
    time_t now = time(NULL);
    struct tm utc;
    gmtime_r(&now, &utc);
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &utc);
    MhoStatus status = mho_record_child(record, "provenance", &group, error);
    if (status == MHO_OK)
        status = mho_attribute_text(&group->attributes, "written", when, error);
    if (status == MHO_OK)
        status = mho_attribute_real(&group->attributes, "seconds", seconds, error);
    if (status == MHO_OK && study_text)
        status = mho_attribute_text(&group->attributes, "study", study_text, error);
    if (status == MHO_OK)
        status = add_versions_and_machine(&group->attributes, error);
    return status;
}
