/* yaml.h - a YAML file as a tree with line numbers (parsed by libyaml).
 *
 * It has mappings, sequences and scalars. Refused with file and line: anchors, aliases, tags, duplicate keys, a second
 * document, nesting above 32 levels, mappings above 4096 keys. Refused with the file: more than 1 MiB. Scalars are
 * text; the parameter tables type them later.
 */
#ifndef MHO_BASE_YAML_H
#define MHO_BASE_YAML_H

#include <stddef.h>

#include "base/status.h"

typedef enum MhoYamlKind { MHO_YAML_SCALAR, MHO_YAML_LIST, MHO_YAML_MAP } MhoYamlKind;

typedef struct MhoYaml {
    MhoYamlKind kind;
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

/* Call visit for every leaf (scalar or list) below map with the keys on the way to it, joined by dots; a key may
 * contain dots itself ("chip.cell.pcm.t_read: 1.0e-6"). Return the first status that is not MHO_OK. */
typedef MhoStatus (*MhoYamlVisit)(void *context, const char *path, const MhoYaml *leaf, MhoError *error);
MhoStatus mho_yaml_each_leaf(const MhoYaml *map, MhoYamlVisit visit, void *context, MhoError *error) MHO_CHECKED;

#endif
