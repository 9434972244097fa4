/* show_json.c - a record as JSON: what it holds, and the points of a result. */
#include "cli/show_json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"

/* Element i. Numbers beyond int64_t (digests of logits) are hexadecimal text. */
static void write_value(MhoJson *json, const char *key, MhoType type, const void *data, size_t i)
{
    int64_t whole;
    char text[32];
    if (type == MHO_STRING) {
        mho_json_text(json, key, ((char *const *)data)[i]);
    } else if (type == MHO_F64) {
        mho_json_real(json, key, ((const double *)data)[i]);
    } else if (type == MHO_F32) {
        mho_json_real(json, key, (double)((const float *)data)[i]);
    } else if (mho_integer_at(type, data, i, &whole)) {
        mho_json_int(json, key, whole);
    } else {
        snprintf(text, sizeof text, "0x%016" PRIx64, ((const uint64_t *)data)[i]);
        mho_json_text(json, key, text);
    }
}

static void write_attributes(MhoJson *json, const MhoAttributes *attributes)
{
    mho_json_object(json, "attributes");
    for (size_t i = 0; i < attributes->n; i++) {
        const MhoAttribute *attribute = &attributes->list[i];
        if (attribute->n == 1) {
            write_value(json, attribute->name, attribute->type, attribute->data, 0);
            continue;
        }
        mho_json_array(json, attribute->name);
        for (size_t v = 0; v < attribute->n; v++)
            write_value(json, NULL, attribute->type, attribute->data, v);
        mho_json_end(json);
    }
    mho_json_end(json);
}

static void write_array(MhoJson *json, const MhoArray *array)
{
    mho_json_object(json, array->name);
    mho_json_text(json, "type", mho_type_name(array->type));
    mho_json_array(json, "shape");
    for (size_t d = 0; d < array->rank; d++)
        mho_json_int(json, NULL, (int64_t)array->shape[d]);
    mho_json_end(json);
    mho_json_array(json, "axes");
    for (size_t d = 0; d < array->rank; d++)
        mho_json_text(json, NULL, array->axis[d] ? array->axis[d] : array->name);
    mho_json_end(json);
    mho_json_text(json, "unit", array->unit ? array->unit : "");
    mho_json_text(json, "help", array->help ? array->help : "");
    if (array->attributes.n > 0)
        write_attributes(json, &array->attributes);
    mho_json_end(json);
}

static void write_members(MhoJson *json, const MhoRecord *record)
{
    write_attributes(json, &record->attributes);
    mho_json_object(json, "arrays");
    for (size_t i = 0; i < record->n_arrays; i++)
        write_array(json, record->arrays[i]);
    mho_json_end(json);
    mho_json_object(json, "groups");
    for (size_t i = 0; i < record->n_children; i++) {
        mho_json_object(json, record->children[i]->name);
        write_members(json, record->children[i]);
        mho_json_end(json);
    }
    mho_json_end(json);
}

/* Whether the array has one value per point. */
static bool is_over_points(const MhoArray *array, size_t n)
{
    return array && array->rank == 1 && array->shape[0] == n && array->axis[0] && strcmp(array->axis[0], "point") == 0;
}

static void write_points(MhoJson *json, const MhoRecord *result)
{
    static const char *const means[] = {"accuracy_mean", "accuracy_low", "accuracy_high"};
    const MhoArray *mean = mho_record_array(result, "summary/accuracy_mean");
    const MhoRecord *summary = mho_record_find(result, "summary");
    if (!summary || !mean || mean->rank != 1)
        return;
    const size_t n = mean->shape[0];
    mho_json_array(json, "points");
    for (size_t p = 0; p < n; p++) {
        mho_json_object(json, NULL);
        for (size_t i = 0; i < result->n_arrays; i++)
            if (is_over_points(result->arrays[i], n))
                write_value(json, result->arrays[i]->name, result->arrays[i]->type, result->arrays[i]->data, p);
        for (size_t i = 0; i < sizeof means / sizeof *means; i++) {
            const MhoArray *array = mho_record_array(summary, means[i]);
            if (is_over_points(array, n))
                write_value(json, means[i], array->type, array->data, p);
        }
        mho_json_end(json);
    }
    mho_json_end(json);
}

void show_json(const char *path, const MhoRecord *record)
{
    MhoJson json;
    mho_json_start(&json, stdout);
    mho_json_object(&json, NULL);
    mho_json_text(&json, "file", path);
    write_members(&json, record);
    write_points(&json, record);
    mho_json_end(&json);
}
