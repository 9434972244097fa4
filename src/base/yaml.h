/* yaml.h - a YAML file as a tree with line numbers (libyaml underneath).
 *
 * Mappings, sequences and plain scalars only; anchors, tags, several documents, nesting above 32, mappings above 4096
 * keys and files above 1 MiB are refused with file and line. Typing happens later, from parameter tables. Duplicate
 * keys are an error here.
 */
#ifndef MHO_BASE_YAML_H
#define MHO_BASE_YAML_H

#include <stddef.h>

#include "base/status.h"

typedef enum MhoNodeKind { MHO_NODE_SCALAR, MHO_NODE_LIST, MHO_NODE_MAP } MhoNodeKind;

typedef struct MhoYaml {
    MhoNodeKind kind;
    int line;     /* 1-based */
    char *key;    /* NULL outside a mapping */
    char *scalar; /* SCALAR only; "" for an empty value */
    struct MhoYaml **children;
    size_t n_children;
} MhoYaml;

/* Read a file; the root is a mapping (an empty file is an empty mapping). Errors: "study.yaml:12: ...". */
MhoStatus mho_yaml_read(const char *path, MhoYaml **root, MhoError *error) MHO_CHECKED;
/* The same from memory; `path` is for messages. */
MhoStatus mho_yaml_parse(const char *text, size_t n, const char *path, MhoYaml **root, MhoError *error) MHO_CHECKED;
void mho_yaml_destroy(MhoYaml *node);
const MhoYaml *mho_yaml_get(const MhoYaml *map, const char *key); /* NULL when absent */

/* Call visit for every leaf (scalar or list) below map with its dotted key path. A key that itself contains dots
 * ("chip.cell.pcm.t_read: 1.0e-6") is taken as a path. Stops at the first status that is not MHO_OK. */
typedef MhoStatus (*MhoYamlVisit)(void *context, const char *path, const MhoYaml *leaf, MhoError *error);
MhoStatus mho_yaml_walk(const MhoYaml *map, MhoYamlVisit visit, void *context, MhoError *error) MHO_CHECKED;

#endif
