/* fuzz_yaml.c - the reader of study files against arbitrary text. */
#include <string.h>

#include "base/yaml.h"
#include "replay.h"

enum { MAX_DEPTH = 33 };

/* The properties that readers of a tree rely on. */
static void check_tree(const MhoYaml *node, bool keyed, int depth)
{
    require(depth <= MAX_DEPTH && node->line >= 1 && (node->key != NULL) == keyed);
    require((node->scalar != NULL) == (node->kind == MHO_YAML_SCALAR));
    require(node->kind != MHO_YAML_SCALAR || node->n_children == 0);
    for (size_t i = 0; i < node->n_children; i++)
        check_tree(node->children[i], node->kind == MHO_YAML_MAP, depth + 1);
}

static MhoStatus visit(void *context, const char *path, const MhoYaml *leaf, MhoError *error)
{
    size_t *n = context;
    (void)error;
    require(path[0] != '\0' || leaf->key[0] == '\0');
    require(leaf->kind != MHO_YAML_MAP);
    ++*n;
    return MHO_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    MhoYaml *root = NULL;
    MhoError error = {.text = ""};
    size_t n_leaves = 0;
    if (mho_yaml_parse((const char *)data, n, "fuzz.yaml", &root, &error) != MHO_OK) {
        require(root == NULL);
        require_reason(&error, MHO_USAGE, "fuzz.yaml");
        return 0;
    }
    require(root->kind == MHO_YAML_MAP);
    check_tree(root, false, 0);
    for (size_t i = 0; i < root->n_children; i++)
        require(mho_yaml_get(root, root->children[i]->key) == root->children[i]); /* no key twice */
    if (mho_yaml_each_leaf(root, visit, &n_leaves, &error) != MHO_OK)
        require(error.status == MHO_USAGE && error.text[0] != '\0' && !strchr(error.text, '\n'));
    mho_yaml_destroy(root);
    count_taken();
    return 0;
}

#ifndef MHO_LIBFUZZER
static const char study[] = "# a study\n"
                            "title: what ADC bits are needed\nmodel: runs/w2a4.h5\nseed: 7\nrepeat: 8\n"
                            "data: {name: fashion_mnist, split: test, limit: 1000}\n"
                            "chip.cell.pcm.t_read: 2.5e-7\n"
                            "sweep:\n  chip.cell.name: [ideal, pcm, nor_flash]\n  chip.noise: {from: 0, to: 2, n: 5}\n"
                            "  chip.adc.uniform.bits:\n    - 4\n    - 5\n    - \"8\"\n";
static const char recipe[] =
    "train:\n  stages:\n    - {weight: 8, activation: 8, epochs: 2}\n    - {weight: 2, activation: 4, epochs: 10}\n"
    "  schedule: 'cosine'\n  text: |\n    several\n    lines\n  folded: >-\n    in\n    one\n? long key\n: value\n";
static const char nested[] =
    "a: [[[[[[1, 2], [3]]]]]]\nb: {c: {d: {e: {f: 1}}}}\nc.d.e: ~\nempty:\n\"quoted \\n \\u00e9 key\": 'it''s'\n";
static const char *const seeds[] = {study, recipe, nested};

int main(int argc, char **argv)
{
    static const char marks[] = ":-[]{},&*!|>'\"%@`#?\n\t \\~.\x80\xff";
    const Damage damage = {.extremes = marks, .n_extremes = sizeof marks}; /* with the NUL */
    for (size_t s = 0; s < sizeof seeds / sizeof *seeds; s++)
        replay((const uint8_t *)seeds[s], strlen(seeds[s]), damage, 6000);
    replay_corpus(argc > 1 ? argv[1] : NULL);
    return replay_done();
}
#endif
