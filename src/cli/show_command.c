/* show_command.c - mho show and mho digest: what a file holds, and its checksum. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/show_json.h"
#include "study/models/record_file.h"

enum { NUMBER_WIDTH = 12, WIDTH_MAX = 256 }; /* characters: the longest %g; the widest column */

static void print_lines(const char *text, int indent)
{
    while (*text) {
        size_t length = strcspn(text, "\n");
        printf("%*s", indent, "");
        (void)fwrite(text, 1, length, stdout);
        (void)putchar('\n');
        text += length + (text[length] == '\n');
    }
}

static void print_attributes(const MhoAttributes *attributes, int indent)
{
    for (size_t i = 0; i < attributes->n; i++) {
        const char *text = mho_attribute_string(attributes, attributes->list[i].name);
        if (text && strchr(text, '\n')) {
            printf("%*s%s:\n", indent, "", attributes->list[i].name);
            print_lines(text, indent + 2);
        } else if (text) {
            printf("%*s%s: %s\n", indent, "", attributes->list[i].name, text);
        } else if (attributes->list[i].n == 1 && attributes->list[i].type == MHO_F64) {
            printf("%*s%s: %g\n", indent, "", attributes->list[i].name, *(const double *)attributes->list[i].data);
        } else if (attributes->list[i].n == 1 && attributes->list[i].type == MHO_I64) {
            printf("%*s%s: %lld\n", indent, "", attributes->list[i].name,
                   (long long)*(const int64_t *)attributes->list[i].data);
        }
    }
}

static void print_array(const MhoArray *array, int indent)
{
    printf("%*s%s %s (", indent, "", array->name, mho_type_name(array->type));
    for (size_t d = 0; d < array->rank; d++)
        printf("%s%s %zu", d ? ", " : "", array->axis[d] ? array->axis[d] : array->name, array->shape[d]);
    printf(")%s%s%s%s\n", array->unit && *array->unit ? " in " : "", array->unit ? array->unit : "",
           array->help && *array->help ? "  " : "", array->help ? array->help : "");
}

static void print_record(const MhoRecord *record, int indent)
{
    print_attributes(&record->attributes, indent);
    for (size_t i = 0; i < record->n_arrays; i++)
        print_array(record->arrays[i], indent);
    for (size_t i = 0; i < record->n_children; i++) {
        printf("%*s%s/\n", indent, "", record->children[i]->name);
        print_record(record->children[i], indent + 2);
    }
}

static void print_value(const MhoArray *array, size_t p, int width)
{
    if (array->type == MHO_STRING)
        printf(" %*s", width, ((char *const *)array->data)[p][0] ? ((char *const *)array->data)[p] : "-");
    else if (array->type == MHO_F64 && isnan(((const double *)array->data)[p]))
        printf(" %*s", width, "-");
    else if (array->type == MHO_F64)
        printf(" %*g", width, ((const double *)array->data)[p]);
}

/* A swept key: numbers or words over the points. */
static bool is_variable(const MhoArray *array, size_t n)
{
    return array->rank == 1 && array->shape[0] == n && array->axis[0] && strcmp(array->axis[0], "point") == 0 &&
           (array->type == MHO_F64 || array->type == MHO_STRING);
}

/* Characters of its column: the key or the longest value, whichever is longer. */
static int column_width(const MhoArray *variable)
{
    size_t width = strlen(variable->name);
    if (width < NUMBER_WIDTH)
        width = NUMBER_WIDTH;
    for (size_t p = 0; variable->type == MHO_STRING && p < variable->shape[0]; p++) {
        const size_t length = strlen(((char *const *)variable->data)[p]);
        width = length > width ? length : width;
    }
    return width < WIDTH_MAX ? (int)width : WIDTH_MAX;
}

/* The values of a list, or NULL where the file has none of this type and length. */
static const void *column(const MhoRecord *group, const char *name, MhoType type, size_t n)
{
    const MhoArray *array = mho_record_array(group, name);
    return array && array->type == type && array->rank == 1 && array->shape[0] == n ? array->data : NULL;
}

static void print_points(const MhoRecord *result)
{
    const MhoArray *means = mho_record_array(result, "summary/accuracy_mean");
    const size_t n = means ? mho_array_count(means) : 0;
    const double *mean = column(result, "summary/accuracy_mean", MHO_F64, n),
                 *low = column(result, "summary/accuracy_low", MHO_F64, n),
                 *high = column(result, "summary/accuracy_high", MHO_F64, n);
    const int32_t *chips = column(result, "n_chips", MHO_I32, n);
    const MhoAttribute *stated =
        low ? mho_attribute_find(&mho_record_array(result, "summary/accuracy_low")->attributes, "confidence") : NULL;
    const double confidence =
        stated && stated->type == MHO_F64 && stated->n == 1 ? *(const double *)stated->data : 0.95;
    if (!mean || !low || !high || !chips)
        return;
    printf("\n");
    for (size_t i = 0; i < result->n_arrays; i++)
        if (is_variable(result->arrays[i], n))
            printf(" %*s", column_width(result->arrays[i]), result->arrays[i]->name);
    printf(" %*s   accuracy %%  %.3g %% interval\n", NUMBER_WIDTH, "chips", 100.0 * confidence);
    for (size_t p = 0; p < n; p++) {
        for (size_t i = 0; i < result->n_arrays; i++)
            if (is_variable(result->arrays[i], n))
                print_value(result->arrays[i], p, column_width(result->arrays[i]));
        printf(" %*d   %10.2f  %6.2f to %.2f\n", NUMBER_WIDTH, chips[p], 100.0 * mean[p], 100.0 * low[p],
               100.0 * high[p]);
    }
}

static double real_attribute(const MhoRecord *group, const char *name)
{
    const MhoAttribute *attribute = mho_attribute_find(&group->attributes, name);
    return attribute && attribute->type == MHO_F64 && attribute->n == 1 ? *(const double *)attribute->data : NAN;
}

/* The moves of an allocator. */
static void print_allocation(const MhoRecord *model)
{
    const MhoRecord *group = mho_record_find(model, "allocation");
    const MhoArray *winners = group ? mho_record_array(group, "winner") : NULL;
    if (!winners || winners->type != MHO_STRING || winners->rank != 1)
        return;
    size_t n = winners->shape[0];
    const int32_t *from = column(group, "bits_from", MHO_I32, n), *to = column(group, "bits_to", MHO_I32, n),
                  *converter = column(group, "winner_converter", MHO_I32, n),
                  *epochs = column(group, "recovery_epochs", MHO_I32, n), *undone = column(group, "undone", MHO_I32, n);
    const double *size = column(group, "size", MHO_F64, n), *bops = column(group, "bops", MHO_F64, n),
                 *trial = column(group, "accuracy_trial", MHO_F64, n),
                 *after = column(group, "accuracy_after", MHO_F64, n);
    if (!from || !to || !converter || !epochs || !undone || !size || !bops || !trial || !after)
        return;
    const char *allocator = mho_attribute_string(&group->attributes, "allocator"),
               *end = mho_attribute_string(&group->attributes, "end"),
               *recovery = mho_attribute_string(&group->attributes, "recovery");
    printf("\nallocation by %s: from %.4g bits per weight, %.4g MBOP per image, validation accuracy %.2f %%%s\n"
           " move  layer             bits       bits/weight      MBOP   trial %%   after %%  epochs\n",
           allocator ? allocator : "-", real_attribute(group, "start_size"), real_attribute(group, "start_bops"),
           100.0 * real_attribute(group, "start_accuracy"),
           recovery && strcmp(recovery, "chip") == 0 ? " on the chip" : "");
    for (size_t i = 0; i < n; i++)
        printf("%5zu  %-16s %2d to %2d %-3s %12.4f %8.4g %9.2f %9.2f %7d%s\n", i + 1, ((char *const *)winners->data)[i],
               from[i], to[i], converter[i] ? "ADC" : "", size[i], bops[i], 100.0 * trial[i], 100.0 * after[i],
               epochs[i], undone[i] ? "  undone" : "");
    if (end && *end)
        printf("ended by %s\n", end);
}

static const char *or_dash(const char *text)
{
    return text && *text ? text : "-";
}

/* How a model was trained. */
static void print_training(const MhoRecord *model, const char *path)
{
    const MhoRecord *made = mho_record_find(model, "provenance");
    const char *recipe = made ? mho_attribute_string(&made->attributes, "recipe") : NULL;
    const MhoAttribute *threads = made ? mho_attribute_find(&made->attributes, "threads") : NULL,
                       *seed = made ? mho_attribute_find(&made->attributes, "seed") : NULL;
    if (!recipe || !threads || threads->type != MHO_I64 || threads->n != 1 || !seed || seed->type != MHO_I64 ||
        seed->n != 1)
        return;
    const long long n_threads = *(const int64_t *)threads->data;
    const struct {
        const char *label, *names[5]; /* attributes, joined by commas */
    } lines[] = {{"data", {"data", "data_digest"}},
                 {"dates", {"started", "written"}},
                 {"program", {"mho_version", "git_commit", "compiler"}},
                 {"machine", {"host", "processor", "kernels"}}};
    printf("\ntrained by the recipe %s\n", or_dash(mho_attribute_string(&model->attributes, "recipe")));
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        printf("  %-8s ", lines[i].label);
        for (size_t k = 0; k < sizeof lines[i].names / sizeof *lines[i].names && lines[i].names[k]; k++)
            printf("%s%s", k > 0 ? ", " : "", or_dash(mho_attribute_string(&made->attributes, lines[i].names[k])));
        printf("\n");
    }
    printf("  %-8s %lld, %lld thread%s, %.4g s\n", "seed", (long long)*(const int64_t *)seed->data, n_threads,
           n_threads == 1 ? "" : "s", real_attribute(made, "seconds"));
    const char *parents = mho_attribute_string(&made->attributes, "parents");
    printf("  %-8s %.*s\n", "parents", parents && *parents ? (int)strcspn(parents, "\n") : 4,
           parents && *parents ? parents : "none");
    printf("  %-8s mho train --from %s -o NEW.h5 -j %lld\n", "again", path, n_threads);
}

static MhoStatus run_show(MhoOptions *options, MhoError *error)
{
    MhoRecord *record = NULL;
    MhoStatus status = mho_file_read(options->arguments[0], false, &record, error);
    if (status != MHO_OK)
        return status;
    if (options->json) {
        show_json(options->arguments[0], record);
    } else {
        print_record(record, 0);
        print_points(record);
        print_allocation(record);
        print_training(record, options->arguments[0]);
    }
    mho_record_destroy(record);
    return MHO_OK;
}

const Command command_show = {
    .name = "show",
    .usage = "FILE.h5",
    .summary = "print what a result, model or data file holds",
    .help = "  mho show results/quickstart.h5\n"
            "Prints groups, attributes and arrays with their axes and units. For a result, also the accuracy of each "
            "point with\n"
            "its 95 % interval; for a model also how it was trained and how to do that again, and, where bits "
            "were\n"
            "allocated, each move: the layer, its bits, size and accuracy.",
    .options = MHO_OPTION_JSON,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run_show,
};

static MhoStatus run_digest(MhoOptions *options, MhoError *error)
{
    MhoStatus status = MHO_OK;
    for (size_t i = 0; i < options->n_arguments && status == MHO_OK; i++) {
        MhoRecord *record = NULL;
        char hex[65];
        status = mho_file_read(options->arguments[i], false, &record, error);
        if (status == MHO_OK)
            status = mho_record_digest(record, hex, error);
        if (status == MHO_OK)
            printf("%s  %s\n", hex, options->arguments[i]);
        mho_record_destroy(record);
    }
    return status;
}

const Command command_digest = {
    .name = "digest",
    .usage = "FILE.h5 ...",
    .summary = "print the checksum of a file's payload: the same for the same results",
    .help =
        "  mho digest results/quickstart.h5 results/published/quickstart.h5\n"
        "SHA-256 of every array and attribute outside the groups provenance and summary. The same study of the same\n"
        "model has the same digest for any number of threads, batch size, shards, order, interruptions or CPU.",
    .min_arguments = 1,
    .max_arguments = MHO_MAX_ARGUMENTS,
    .run = run_digest,
};
