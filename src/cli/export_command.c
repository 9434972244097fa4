/* export_command.c - mho export: a result as a table of one row per trial, or per layer of each trial. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "cli/command.h"
#include "study/models/record_file.h"

enum { MAX_COLUMNS = 256, POINT = 1, CHIP = 2, LAYER = 4 };

/* An array that has a value for each row. */
typedef struct Column {
    const MhoArray *array;
    unsigned axes; /* POINT, CHIP, LAYER */
} Column;

typedef struct Table {
    const MhoRecord *result;
    const MhoArray *accuracy;     /* NaN: no trial was run */
    const MhoArray *host, *hosts; /* numbers of the machines that ran trials, and their names; NULL: there are none */
    size_t n_points, n_chips, n_layers;
    bool by_layer;
    Column columns[MAX_COLUMNS];
    size_t n;
} Table;

/* ---- columns ---- */

/* The axes of an array, or 0 when it has others or another size. */
static unsigned axes_of(const Table *table, const MhoArray *array)
{
    const struct {
        const char *name;
        unsigned bit;
        size_t n;
    } known[] = {{"point", POINT, table->n_points}, {"chip", CHIP, table->n_chips}, {"layer", LAYER, table->n_layers}};
    unsigned axes = 0;
    for (size_t d = 0; d < array->rank; d++) {
        const char *axis = array->axis[d] ? array->axis[d] : array->name;
        unsigned found = 0;
        for (size_t i = 0; i < sizeof known / sizeof *known; i++)
            if (strcmp(axis, known[i].name) == 0 && array->shape[d] == known[i].n && known[i].bit > axes)
                found = known[i].bit;
        if (!found)
            return 0;
        axes |= found;
    }
    return axes;
}

static void add_column(Table *table, const MhoArray *array)
{
    const unsigned axes = array ? axes_of(table, array) : 0;
    if (!axes || (axes & LAYER && !table->by_layer) || table->n == MAX_COLUMNS)
        return;
    for (size_t i = 0; i < table->n; i++)
        if (table->columns[i].array == array)
            return;
    table->columns[table->n++] = (Column){array, axes};
}

/* Point, chip, layer, swept keys, accuracy, loss; then whatever else the file holds over these axes. */
static void choose_columns(Table *table)
{
    static const char *const first[] = {"point", "chip", "layer"}, *const groups[] = {"baseline", "provenance"},
                             *const then[] = {"accuracy", "loss", "summary/accuracy_float"};
    const MhoRecord *result = table->result;
    for (size_t i = 0; i < 3; i++)
        add_column(table, mho_record_array(result, first[i]));
    for (size_t i = 0; i < result->n_arrays; i++) /* swept keys */
        if (axes_of(table, result->arrays[i]) == POINT &&
            (result->arrays[i]->type == MHO_F64 || result->arrays[i]->type == MHO_STRING))
            add_column(table, result->arrays[i]);
    for (size_t i = 0; i < sizeof then / sizeof *then; i++)
        add_column(table, mho_record_array(result, then[i]));
    for (size_t i = 0; i < result->n_arrays; i++)
        add_column(table, result->arrays[i]);
    for (size_t g = 0; g < sizeof groups / sizeof *groups; g++) {
        const MhoRecord *group = mho_record_find(result, groups[g]);
        for (size_t i = 0; group && i < group->n_arrays; i++)
            add_column(table, group->arrays[i]);
    }
}

static MhoStatus open_table(const MhoRecord *result, const char *path, bool by_layer, Table *table, MhoError *error)
{
    *table = (Table){.result = result, .by_layer = by_layer};
    MhoStatus status = mho_record_require(result, path, "accuracy", MHO_F64, 2, &table->accuracy, error);
    if (status != MHO_OK)
        return mho_fail(error, MHO_INPUT, "%s: not a result; export takes the file that `mho sweep` writes", path);
    table->n_points = table->accuracy->shape[0];
    table->n_chips = table->accuracy->shape[1];
    const MhoArray *layers = mho_record_array(result, "layer");
    table->n_layers = layers && layers->rank == 1 ? layers->shape[0] : 0;
    if (by_layer && table->n_layers == 0)
        return mho_fail(error, MHO_INPUT, "%s: no analog layers, so there is no table of them", path);
    const MhoArray *hosts = mho_record_array(result, "provenance/host_name");
    if (hosts && hosts->type == MHO_STRING && hosts->rank == 1) {
        table->hosts = hosts;
        table->host = mho_record_array(result, "provenance/host");
    }
    choose_columns(table);
    return MHO_OK;
}

/* ---- text ---- */

/* Quotes as RFC 4180 has them; lines end as every other text file here. */
static void put_text(FILE *out, const char *text)
{
    if (!text[strcspn(text, ",\"\r\n")]) {
        fputs(text, out);
        return;
    }
    fputc('"', out);
    for (; *text; text++) {
        if (*text == '"')
            fputc('"', out);
        fputc(*text, out);
    }
    fputc('"', out);
}

/* Reads back to the same double. NaN is an empty field. */
static void put_real(FILE *out, double value)
{
    char text[40] = "";
    for (int digits = 15; digits <= 17 && !isnan(value); digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    fputs(text, out);
}

static void put_value(FILE *out, const MhoArray *array, size_t i)
{
    int64_t whole;
    if (array->type == MHO_STRING)
        put_text(out, ((char *const *)array->data)[i]);
    else if (array->type == MHO_F64)
        put_real(out, ((const double *)array->data)[i]);
    else if (array->type == MHO_F32)
        put_real(out, (double)((const float *)array->data)[i]);
    else if (array->type == MHO_U64) /* a digest */
        fprintf(out, "0x%016" PRIx64, ((const uint64_t *)array->data)[i]);
    else if (mho_integer_at(array->type, array->data, i, &whole))
        fprintf(out, "%" PRId64, whole);
}

static void put_cell(FILE *out, const Table *table, const Column *column, const size_t at[3])
{
    const size_t sizes[] = {table->n_points, table->n_chips, table->n_layers};
    size_t i = 0;
    int64_t number;
    for (size_t d = 0; d < 3; d++)
        if (column->axes & 1U << d)
            i = i * sizes[d] + at[d];
    const MhoArray *names = table->hosts;
    if (names && column->array == table->host && mho_integer_at(column->array->type, column->array->data, i, &number) &&
        number >= 0 && (size_t)number < names->shape[0])
        put_text(out, ((char *const *)names->data)[number]);
    else
        put_value(out, column->array, i);
}

static void put_row(FILE *out, const Table *table, const size_t at[3])
{
    for (size_t c = 0; c < table->n; c++) {
        if (c > 0)
            fputc(',', out);
        put_cell(out, table, &table->columns[c], at);
    }
    fputc('\n', out);
}

static void put_header(FILE *out, const Table *table)
{
    for (size_t c = 0; c < table->n; c++) {
        const MhoArray *array = table->columns[c].array;
        char name[512];
        const bool has_unit = array->unit && *array->unit && strcmp(array->unit, "1") != 0;
        snprintf(name, sizeof name, "%s%s%s%s", array->name, has_unit ? " [" : "", has_unit ? array->unit : "",
                 has_unit ? "]" : "");
        if (c > 0)
            fputc(',', out);
        put_text(out, name);
    }
    fputc('\n', out);
}

static size_t put_table(FILE *out, const Table *table)
{
    size_t rows = 0;
    put_header(out, table);
    for (size_t p = 0; p < table->n_points; p++)
        for (size_t chip = 0; chip < table->n_chips; chip++) {
            if (isnan(((const double *)table->accuracy->data)[p * table->n_chips + chip]))
                continue;
            for (size_t l = 0; l < (table->by_layer ? table->n_layers : 1); l++, rows++)
                put_row(out, table, (const size_t[]){p, chip, l});
        }
    return rows;
}

/* ---- file ---- */

/* The whole table goes through memory: the file appears whole or not at all. */
static MhoStatus write_file(const Table *table, const char *path, MhoError *error)
{
    char *text = NULL;
    size_t n = 0;
    if (access(path, F_OK) == 0)
        return mho_fail(error, MHO_USAGE, "%s: exists and is never overwritten; give another -o, or remove it", path);
    FILE *out = open_memstream(&text, &n);
    const size_t rows = out ? put_table(out, table) : 0;
    const bool is_whole = out && !ferror(out);
    MhoStatus status = (out && fclose(out) != 0) || !is_whole ? mho_fail(error, MHO_MEMORY, "out of memory for a table")
                                                              : mho_text_file_create(path, text, n, error);
    free(text);
    if (status == MHO_OK)
        printf("%s: %zu rows, %zu columns\n", path, rows, table->n);
    return status;
}

static MhoStatus run_export(MhoOptions *options, MhoError *error)
{
    const char *path = options->arguments[0];
    MhoRecord *result = NULL;
    if (!options->csv)
        return mho_fail(error, MHO_USAGE, "export needs a format: `mho export %s --csv`", path);
    MhoStatus status = mho_file_read(path, true, &result, error);
    Table *table = status == MHO_OK ? mho_calloc(1, sizeof *table, error, "a table") : NULL;
    if (status == MHO_OK)
        status = table ? open_table(result, path, options->layers, table, error) : MHO_MEMORY;
    if (status == MHO_OK && options->output)
        status = write_file(table, options->output, error);
    else if (status == MHO_OK)
        (void)put_table(stdout, table);
    free(table);
    mho_record_destroy(result);
    return status;
}

const Command command_export = {
    .name = "export",
    .usage = "RESULT.h5 --csv [-o FILE.csv]",
    .summary = "write a result as a table for spreadsheets and statistics programs",
    .help =
        "  mho export results/quickstart.h5 --csv -o quickstart.csv\n"
        "One row per trial: point, chip, every swept key with its unit in the header, accuracy (0 to 1), loss and "
        "whatever\n"
        "else the file holds per trial. An empty field: the key does not apply.\n"
        "  mho export results/quickstart.h5 --csv --layers -o layers.csv\n"
        "One row per layer of each trial. Without -o the table goes to standard output. A file that exists is never\n"
        "overwritten.",
    .options = MHO_OPTION_CSV | MHO_OPTION_OUTPUT | MHO_OPTION_LAYERS,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run_export,
};
