/* yaml.c - libyaml's events to a tree of mappings, lists and scalars with line numbers. */
#include "base/yaml.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/memory.h"

enum { FILE_BYTES_MAX = 1 << 20, DEPTH_MAX = 32, KEY_MAX = 255, KEYS_MAX = 4096 };
enum { PATH_MAX_BYTES = DEPTH_MAX * (KEY_MAX + 1) };

typedef struct Reader {
    yaml_parser_t parser;
    yaml_event_t event; /* the current one; owned until the next step */
    const char *path;
    MhoError *error;
} Reader;

static int event_line(const Reader *reader)
{
    return (int)reader->event.start_mark.line + 1;
}

static MhoStatus refuse(const Reader *reader, const char *what)
{
    return mho_fail(reader->error, MHO_USAGE, "%s:%d: %s", reader->path, event_line(reader), what);
}

static MhoStatus step(Reader *reader)
{
    yaml_event_delete(&reader->event);
    if (yaml_parser_parse(&reader->parser, &reader->event))
        return MHO_OK;
    const yaml_parser_t *parser = &reader->parser;
    memset(&reader->event, 0, sizeof reader->event);
    if (parser->error == YAML_MEMORY_ERROR)
        return mho_fail(reader->error, MHO_MEMORY, "out of memory for %s", reader->path);
    return mho_fail(reader->error, MHO_USAGE, "%s:%zu: not readable as YAML: %s", reader->path,
                    parser->problem_mark.line + 1, parser->problem ? parser->problem : "damaged");
}

/* Refuse aliases, anchors, tags and zero bytes, which hide the value of a key from the reader of a study. */
static MhoStatus check_plain(const Reader *reader)
{
    const yaml_event_t *event = &reader->event;
    const yaml_char_t *anchor = NULL, *tag = NULL;
    if (event->type == YAML_ALIAS_EVENT)
        return refuse(reader, "aliases (*name) are not read; repeat the value");
    if (event->type == YAML_SCALAR_EVENT) {
        anchor = event->data.scalar.anchor;
        tag = event->data.scalar.tag;
        if (strlen((const char *)event->data.scalar.value) != event->data.scalar.length)
            return refuse(reader, "a value contains a zero byte");
    } else if (event->type == YAML_SEQUENCE_START_EVENT) {
        anchor = event->data.sequence_start.anchor;
        tag = event->data.sequence_start.tag;
    } else if (event->type == YAML_MAPPING_START_EVENT) {
        anchor = event->data.mapping_start.anchor;
        tag = event->data.mapping_start.tag;
    }
    if (anchor)
        return refuse(reader, "anchors (&name) are not read; repeat the value");
    if (tag)
        return refuse(reader, "tags (!name) are not read; every key knows its own type");
    return MHO_OK;
}

static MhoStatus node_new(const Reader *reader, MhoYamlKind kind, MhoYaml **node)
{
    *node = mho_calloc(1, sizeof **node, reader->error, "%s", reader->path);
    if (!*node)
        return MHO_MEMORY;
    (*node)->kind = kind;
    (*node)->line = event_line(reader);
    return MHO_OK;
}

void mho_yaml_destroy(MhoYaml *node)
{
    if (!node)
        return;
    for (size_t i = 0; i < node->n_children; i++)
        mho_yaml_destroy(node->children[i]);
    free(node->children);
    free(node->scalar);
    free(node->key);
    free(node);
}

/* Append child, which parent then owns. child is destroyed on failure. */
static MhoStatus append(const Reader *reader, MhoYaml *parent, MhoYaml *child)
{
    MhoYaml **grown = mho_list_grow(parent->children, parent->n_children, sizeof *grown, reader->error);
    if (!grown) {
        mho_yaml_destroy(child);
        return MHO_MEMORY;
    }
    parent->children = grown;
    parent->children[parent->n_children++] = child;
    return MHO_OK;
}

static MhoStatus read_node(Reader *reader, int depth, MhoYaml **node);

static MhoStatus read_list(Reader *reader, int depth, MhoYaml *list)
{
    for (;;) {
        MhoStatus status = step(reader);
        if (status != MHO_OK || reader->event.type == YAML_SEQUENCE_END_EVENT)
            return status;
        MhoYaml *child;
        status = read_node(reader, depth + 1, &child);
        if (status == MHO_OK)
            status = append(reader, list, child);
        if (status != MHO_OK)
            return status;
    }
}

/* The current event as a key of map, checked and copied. */
static MhoStatus read_key(Reader *reader, const MhoYaml *map, char **key)
{
    MhoStatus status = check_plain(reader);
    if (status != MHO_OK)
        return status;
    if (reader->event.type != YAML_SCALAR_EVENT)
        return refuse(reader, "a key must be a word");
    const char *text = (const char *)reader->event.data.scalar.value;
    size_t length = reader->event.data.scalar.length;
    if (length == 0 || length > KEY_MAX)
        return refuse(reader, "a key is empty or longer than 255 characters");
    if (map->n_children >= KEYS_MAX) /* the search for duplicates goes through all of them */
        return refuse(reader, "more than 4096 keys in one mapping");
    const MhoYaml *earlier = mho_yaml_get(map, text);
    if (earlier)
        return mho_fail(reader->error, MHO_USAGE, "%s:%d: duplicate key '%s' (first on line %d)", reader->path,
                        event_line(reader), text, earlier->line);
    *key = mho_strdup(text, reader->error);
    return *key ? MHO_OK : MHO_MEMORY;
}

static MhoStatus read_map(Reader *reader, int depth, MhoYaml *map)
{
    for (;;) {
        MhoStatus status = step(reader);
        if (status != MHO_OK || reader->event.type == YAML_MAPPING_END_EVENT)
            return status;
        char *key = NULL;
        int line = event_line(reader);
        status = read_key(reader, map, &key);
        if (status == MHO_OK)
            status = step(reader);
        MhoYaml *child = NULL;
        if (status == MHO_OK)
            status = read_node(reader, depth + 1, &child);
        if (status != MHO_OK) {
            free(key);
            return status;
        }
        child->key = key;
        child->line = line;
        status = append(reader, map, child);
        if (status != MHO_OK)
            return status;
    }
}

/* Read the node that the current event opens, to its end event. */
static MhoStatus read_node(Reader *reader, int depth, MhoYaml **node)
{
    *node = NULL;
    MhoStatus status = check_plain(reader);
    if (status != MHO_OK)
        return status;
    if (depth > DEPTH_MAX)
        return refuse(reader, "nested deeper than 32 levels; flatten the keys with dots");
    yaml_event_type_t type = reader->event.type;
    MhoYamlKind kind = type == YAML_MAPPING_START_EVENT    ? MHO_YAML_MAP
                       : type == YAML_SEQUENCE_START_EVENT ? MHO_YAML_LIST
                                                           : MHO_YAML_SCALAR;
    MhoYaml *made;
    status = node_new(reader, kind, &made);
    if (status != MHO_OK)
        return status;
    if (kind == MHO_YAML_MAP) {
        status = read_map(reader, depth, made);
    } else if (kind == MHO_YAML_LIST) {
        status = read_list(reader, depth, made);
    } else {
        made->scalar = mho_strdup((const char *)reader->event.data.scalar.value, reader->error);
        if (!made->scalar)
            status = MHO_MEMORY;
    }
    if (status == MHO_OK)
        *node = made;
    else
        mho_yaml_destroy(made);
    return status;
}

/* STREAM-START [DOCUMENT-START node DOCUMENT-END] STREAM-END */
static MhoStatus read_stream(Reader *reader, MhoYaml **root)
{
    MhoStatus status = step(reader);
    if (status == MHO_OK)
        status = step(reader);
    if (status != MHO_OK)
        return status;
    if (reader->event.type == YAML_STREAM_END_EVENT)
        return node_new(reader, MHO_YAML_MAP, root);
    status = step(reader);
    if (status == MHO_OK)
        status = read_node(reader, 1, root);
    if (status != MHO_OK)
        return status;
    MhoYaml *top = *root;
    if (top->kind == MHO_YAML_SCALAR && *top->scalar == '\0') {
        free(top->scalar);
        top->scalar = NULL;
        top->kind = MHO_YAML_MAP;
    }
    if (top->kind != MHO_YAML_MAP)
        return mho_fail(reader->error, MHO_USAGE, "%s:%d: expected 'key: value' lines", reader->path, top->line);
    status = step(reader);
    if (status == MHO_OK)
        status = step(reader);
    if (status == MHO_OK && reader->event.type != YAML_STREAM_END_EVENT)
        status = refuse(reader, "a second document; write one study per file");
    return status;
}

typedef struct Leaf {
    char *path;
    int line;
} Leaf;

typedef struct Leaves {
    Leaf *list;
    size_t n;
} Leaves;

static MhoStatus collect_leaf(void *context, const char *path, const MhoYaml *leaf, MhoError *error)
{
    Leaves *leaves = context;
    Leaf *grown = mho_list_grow(leaves->list, leaves->n, sizeof *grown, error);
    if (!grown)
        return MHO_MEMORY;
    leaves->list = grown;
    char *copy = mho_strdup(path, error);
    if (!copy)
        return MHO_MEMORY;
    leaves->list[leaves->n++] = (Leaf){copy, leaf->line};
    return MHO_OK;
}

static int by_path_then_line(const void *a, const void *b)
{
    const Leaf *x = a, *y = b;
    int order = strcmp(x->path, y->path);
    return order ? order : (x->line > y->line) - (x->line < y->line);
}

/* `a.b: 1` and `a: {b: 2}` are the same key, so the full paths of all leaves are compared. */
static MhoStatus check_dotted_duplicates(const Reader *reader, const MhoYaml *root)
{
    Leaves leaves = {0};
    MhoStatus status = mho_yaml_each_leaf(root, collect_leaf, &leaves, reader->error);
    if (status == MHO_OK && leaves.n > 0) {
        qsort(leaves.list, leaves.n, sizeof *leaves.list, by_path_then_line);
        for (size_t i = 1; i < leaves.n && status == MHO_OK; i++)
            if (strcmp(leaves.list[i - 1].path, leaves.list[i].path) == 0)
                status = mho_fail(reader->error, MHO_USAGE, "%s:%d: duplicate key '%s' (first on line %d)",
                                  reader->path, leaves.list[i].line, leaves.list[i].path, leaves.list[i - 1].line);
    }
    for (size_t i = 0; i < leaves.n; i++)
        free(leaves.list[i].path);
    free(leaves.list);
    return status;
}

MhoStatus mho_yaml_parse(const char *text, size_t n, const char *path, MhoYaml **root, MhoError *error)
{
    *root = NULL;
    if (n > FILE_BYTES_MAX)
        return mho_fail(error, MHO_USAGE, "%s: larger than 1 MiB, so not a study", path);
    Reader reader = {.path = path, .error = error};
    if (!yaml_parser_initialize(&reader.parser))
        return mho_fail(error, MHO_MEMORY, "out of memory for %s", path);
    yaml_parser_set_input_string(&reader.parser, (const unsigned char *)text, n);
    MhoYaml *made = NULL;
    MhoStatus status = read_stream(&reader, &made);
    if (status == MHO_OK)
        status = check_dotted_duplicates(&reader, made);
    yaml_event_delete(&reader.event);
    yaml_parser_delete(&reader.parser);
    if (status == MHO_OK)
        *root = made;
    else
        mho_yaml_destroy(made);
    return status;
}

static bool is_hdf5(const char *text, size_t n)
{
    static const char start[] = {'\211', 'H', 'D', 'F', '\r', '\n', '\032', '\n'};
    return n >= sizeof start && memcmp(text, start, sizeof start) == 0;
}

MhoStatus mho_yaml_read(const char *path, MhoYaml **root, MhoError *error)
{
    *root = NULL;
    FILE *file = fopen(path, "rb");
    if (!file)
        return mho_fail(error, MHO_INPUT, "%s: cannot be opened: %s", path, strerror(errno));
    char *text = mho_calloc(FILE_BYTES_MAX + 1, 1, error, "%s", path);
    if (!text) {
        fclose(file);
        return MHO_MEMORY;
    }
    size_t n = fread(text, 1, FILE_BYTES_MAX + 1, file);
    int failed = ferror(file) ? errno : 0;
    fclose(file);
    MhoStatus status =
        failed ? mho_fail(error, MHO_INPUT, "%s: cannot be read: %s", path, strerror(failed))
        : is_hdf5(text, n)
            ? mho_fail(error, MHO_INPUT, "%s: this is an HDF5 file, and a study (YAML) is wanted here", path)
            : mho_yaml_parse(text, n, path, root, error);
    free(text);
    return status;
}

const MhoYaml *mho_yaml_get(const MhoYaml *map, const char *key)
{
    if (!map || map->kind != MHO_YAML_MAP)
        return NULL;
    for (size_t i = 0; i < map->n_children; i++)
        if (strcmp(map->children[i]->key, key) == 0)
            return map->children[i];
    return NULL;
}

/* prefix holds the path so far and is restored before returning. */
static MhoStatus each_leaf(const MhoYaml *map, char *prefix, size_t length, MhoYamlVisit visit, void *context,
                           MhoError *error)
{
    MhoStatus status = MHO_OK;
    for (size_t i = 0; i < map->n_children && status == MHO_OK; i++) {
        const MhoYaml *child = map->children[i];
        int added = snprintf(prefix + length, PATH_MAX_BYTES - length, "%s%s", length ? "." : "", child->key);
        if (added < 0 || (size_t)added >= PATH_MAX_BYTES - length)
            return mho_fail(error, MHO_USAGE, "line %d: a key path of more than %d bytes", child->line, PATH_MAX_BYTES);
        if (child->kind == MHO_YAML_MAP)
            status = each_leaf(child, prefix, length + (size_t)added, visit, context, error);
        else
            status = visit(context, prefix, child, error);
    }
    prefix[length] = '\0';
    return status;
}

MhoStatus mho_yaml_each_leaf(const MhoYaml *map, MhoYamlVisit visit, void *context, MhoError *error)
{
    char prefix[PATH_MAX_BYTES] = "";
    if (!map || map->kind != MHO_YAML_MAP)
        return mho_fail(error, MHO_FAILED, "only a mapping has leaves");
    return each_leaf(map, prefix, 0, visit, context, error);
}
