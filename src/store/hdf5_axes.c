/* hdf5_axes.c - which group of a netCDF-4 file defines the dimension of an axis.
 *
 * netCDF-4 looks a dimension up by name in the variable's group, then in the parents. So an axis with one length in the
 * whole file belongs to the root and is shared; one whose length differs between groups belongs to each group.
 */
#include "store/axes_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* An axis and its length in the whole file. */
typedef struct Use {
    const char *axis;
    size_t length;
    bool varies; /* other arrays give the axis other lengths */
} Use;

typedef struct Uses {
    Use *list;
    size_t n;
} Uses;

static const char *axis_name(const MhoArray *array, size_t i)
{
    if (array->axis[i] && array->axis[i][0] != '\0')
        return array->axis[i];
    return array->rank == 1 ? array->name : NULL;
}

static bool is_coordinate(const MhoArray *array)
{
    return array->rank == 1 && strcmp(axis_name(array, 0), array->name) == 0;
}

static const MhoArray *find_array(const MhoRecord *group, const char *name)
{
    for (size_t i = 0; i < group->n_arrays; i++)
        if (strcmp(group->arrays[i]->name, name) == 0)
            return group->arrays[i];
    return NULL;
}

static bool name_taken(const MhoScope *scope, const char *name)
{
    const MhoRecord *group = scope->group;
    for (size_t i = 0; i < group->n_children; i++)
        if (strcmp(group->children[i]->name, name) == 0)
            return true;
    for (size_t i = 0; i < scope->n; i++)
        if (strcmp(scope->list[i].name, name) == 0)
            return true;
    return find_array(group, name) != NULL;
}

/* The name in the file: the axis' own when free, else with the length, else with underscores. */
static char *free_name(const MhoScope *scope, const char *wanted, size_t length, MhoError *error)
{
    const size_t room = strlen(wanted) + 64;
    char *name = mho_calloc(room, 1, error, "the axis '%s' of a file", wanted);
    int padding = 0;
    if (!name)
        return NULL;
    (void)snprintf(name, room, "%s", wanted);
    while (name_taken(scope, name) && padding < 32) {
        (void)snprintf(name, room, "%s_%zu%.*s", wanted, length, padding, "________________________________");
        padding++;
    }
    return name;
}

static MhoStatus scope_add(MhoScope *scope, MhoDimension dimension, const char *wanted, MhoError *error)
{
    MhoDimension *grown = mho_list_grow(scope->list, scope->n, sizeof *grown, error);
    if (!grown)
        return MHO_MEMORY;
    scope->list = grown;
    dimension.name =
        dimension.coordinate ? mho_strdup(wanted, error) : free_name(scope, wanted, dimension.length, error);
    if (!dimension.name)
        return MHO_MEMORY;
    scope->list[scope->n++] = dimension;
    return MHO_OK;
}

/* A named dimension of that length in scope or a parent; NULL when a nearer one has the same name in the file. */
static const MhoDimension *find_named(const MhoScope *scope, const char *axis, size_t length)
{
    const MhoDimension *found = NULL;
    const MhoScope *at = scope;
    for (; at; at = at->parent) {
        for (size_t i = 0; i < at->n && !found; i++) {
            const MhoDimension *d = &at->list[i];
            if (d->axis && strcmp(d->axis, axis) == 0 && d->length == length)
                found = d;
        }
        if (found)
            break;
    }
    for (const MhoScope *near = scope; found && near != at; near = near->parent) {
        for (size_t i = 0; i < near->n; i++)
            if (strcmp(near->list[i].name, found->name) == 0)
                return NULL;
    }
    return found;
}

const MhoDimension *mho_scope_find(const MhoScope *scope, const MhoArray *array, size_t i)
{
    const char *axis = axis_name(array, i);
    if (axis)
        return find_named(scope, axis, array->shape[i]);
    for (size_t k = 0; k < scope->n; k++)
        if (scope->list[k].owner == array && scope->list[k].index == i)
            return &scope->list[k];
    return NULL;
}

static bool has_coordinate(const MhoScope *scope, const char *axis, size_t length)
{
    for (; scope; scope = scope->parent) {
        const MhoArray *array = find_array(scope->group, axis);
        if (array && is_coordinate(array) && array->shape[0] == length)
            return true;
    }
    return false;
}

static MhoStatus count_use(Uses *uses, const char *axis, size_t length, MhoError *error)
{
    for (size_t i = 0; i < uses->n; i++) {
        if (strcmp(uses->list[i].axis, axis) == 0) {
            uses->list[i].varies = uses->list[i].varies || uses->list[i].length != length;
            return MHO_OK;
        }
    }
    Use *grown = mho_list_grow(uses->list, uses->n, sizeof *grown, error);
    if (!grown)
        return MHO_MEMORY;
    uses->list = grown;
    uses->list[uses->n++] = (Use){.axis = axis, .length = length};
    return MHO_OK;
}

/* Count every named axis below group that has no coordinate in its group or a parent. */
static MhoStatus count_uses(const MhoRecord *group, const MhoScope *parent, Uses *uses, MhoError *error)
{
    const MhoScope scope = {.parent = parent, .group = group}; /* its dimensions do not matter here */
    MhoStatus status = MHO_OK;
    for (size_t k = 0; k < group->n_arrays && status == MHO_OK; k++) {
        const MhoArray *array = group->arrays[k];
        for (size_t i = 0; i < array->rank && status == MHO_OK; i++) {
            const char *axis = axis_name(array, i);
            if (axis && !has_coordinate(&scope, axis, array->shape[i]))
                status = count_use(uses, axis, array->shape[i], error);
        }
    }
    for (size_t i = 0; i < group->n_children && status == MHO_OK; i++)
        status = count_uses(group->children[i], &scope, uses, error);
    return status;
}

static MhoStatus add_shared(MhoScope *root, MhoError *error)
{
    Uses uses = {0};
    MhoStatus status = count_uses(root->group, NULL, &uses, error);
    for (size_t i = 0; i < uses.n && status == MHO_OK; i++) {
        const Use *use = &uses.list[i];
        if (!use->varies && !name_taken(root, use->axis))
            status = scope_add(root, (MhoDimension){.axis = use->axis, .length = use->length}, use->axis, error);
    }
    free(uses.list);
    return status;
}

static MhoStatus add_local(MhoScope *scope, const MhoArray *array, size_t i, MhoError *error)
{
    MhoDimension dimension = {.axis = axis_name(array, i), .length = array->shape[i]};
    if (dimension.axis)
        return scope_add(scope, dimension, dimension.axis, error);
    dimension.owner = array;
    dimension.index = i;
    const size_t room = strlen(array->name) + 24;
    char *wanted = mho_calloc(room, 1, error, "an axis of the array '%s'", array->name);
    if (!wanted)
        return MHO_MEMORY;
    (void)snprintf(wanted, room, "%s_%zu", array->name, i);
    const MhoStatus status = scope_add(scope, dimension, wanted, error);
    free(wanted);
    return status;
}

MhoStatus mho_scope_create(MhoScope *scope, const MhoScope *parent, const MhoRecord *group, MhoError *error)
{
    MhoStatus status = MHO_OK;
    *scope = (MhoScope){.parent = parent, .group = group};
    for (size_t k = 0; k < group->n_arrays && status == MHO_OK; k++) {
        const MhoArray *array = group->arrays[k];
        if (is_coordinate(array)) {
            status =
                scope_add(scope, (MhoDimension){.axis = array->name, .coordinate = array, .length = array->shape[0]},
                          array->name, error);
        }
    }
    if (status == MHO_OK && !parent)
        status = add_shared(scope, error);
    for (size_t k = 0; k < group->n_arrays && status == MHO_OK; k++) {
        const MhoArray *array = group->arrays[k];
        for (size_t i = 0; i < array->rank && status == MHO_OK; i++)
            if (mho_scope_find(scope, array, i) == NULL)
                status = add_local(scope, array, i, error);
    }
    return status;
}

void mho_scope_release(MhoScope *scope)
{
    for (size_t i = 0; i < scope->n; i++)
        free(scope->list[i].name);
    free(scope->list);
    *scope = (MhoScope){0};
}
