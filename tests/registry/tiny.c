/* tiny.c - see tiny.h. */
#include "tiny.h"

#include <unistd.h>

#include "kernels/random.h"
#include "store/store.h"
#include "support/data_files.h"

#define must(call, error) ck_assert_msg((call) == MHO_OK, "%s", (error)->text)

static char folder[] = "/tmp/mho-switches-XXXXXX";

static bool put_idx(const char *name, size_t rank, const uint32_t *shape, const uint8_t *data)
{
    FILE *file = fopen(name, "wb");
    uint8_t header[16] = {0, 0, 8, (uint8_t)rank};
    size_t n = 1;
    if (file == NULL) {
        return false;
    }
    for (size_t i = 0; i < rank; i++) {
        header[4 * i + 7] = (uint8_t)shape[i]; /* all below 256 */
        n *= shape[i];
    }
    const bool written = fwrite(header, 1, 4 + 4 * rank, file) == 4 + 4 * rank && fwrite(data, 1, n, file) == n;
    return fclose(file) == 0 && written;
}

static bool put_set(const char *images_name, const char *labels_name, uint32_t n, uint64_t seed)
{
    static uint32_t words[TINY_TRAIN * TINY_PIXELS / 4];
    uint8_t labels[TINY_TRAIN];
    const MhoStream stream = {.seed = seed};
    mho_random_words(stream, MHO_DRAW_TEST, 0, n * TINY_PIXELS / 4, words);
    for (uint32_t i = 0; i < n; i++) {
        labels[i] = (uint8_t)(i * 7 % TINY_CLASSES);
    }
    return put_idx(images_name, 3, (uint32_t[]){n, TINY_SIDE, TINY_SIDE}, (const uint8_t *)words) &&
           put_idx(labels_name, 1, &n, labels);
}

/* Image to logits by one ternary matrix: of nine pixels, two have +1 and three have -1. */
static MhoStatus build_net(uint32_t seed, MhoNet **net, MhoError *error)
{
    const MhoInputSettings input = {.h = TINY_SIDE, .w = TINY_SIDE, .c = 1, .divisor = 255.0};
    const MhoConvSettings dense = {.channels = TINY_CLASSES, .stride = 1, .groups = 1, .bits = 2, .policy = "fqconv"};
    MhoStatus status = mho_net_create("tiny", net, error);
    if (status == MHO_OK) {
        status = mho_net_add(*net, "image", "input", &input, sizeof input, NULL, NULL, error);
    }
    if (status == MHO_OK) {
        status = mho_net_add(*net, "logits", "dense", &dense, sizeof dense, "image", NULL, error);
    }
    if (status == MHO_OK) {
        status = mho_net_finish(*net, error);
    }
    MhoNodeArray *weight = status == MHO_OK ? mho_node_array(&(*net)->nodes[1], MHO_ARRAY_WEIGHT) : NULL;
    for (size_t i = 0; weight && i < weight->n; i++) {
        const size_t place = (i * 5 + i / TINY_PIXELS * seed) % 9;
        weight->value[i] = place < 2 ? 1.0F : place < 5 ? -1.0F : 0.0F;
    }
    return status;
}

static bool put_model(const char *path, uint32_t seed)
{
    MhoError error = {0};
    MhoNet *net = NULL;
    MhoRecord *record = NULL;
    MhoStatus status = build_net(seed, &net, &error);
    if (status == MHO_OK) {
        status = mho_record_create(&record, &error);
    }
    if (status == MHO_OK) {
        status = mho_net_to_record(net, record, &error);
    }
    if (status == MHO_OK) {
        status = mho_store_write(path, record, &error);
    }
    if (status != MHO_OK) {
        fprintf(stderr, "%s\n", error.text);
    }
    mho_record_destroy(record);
    mho_net_destroy(net);
    return status == MHO_OK;
}

bool tiny_enter(void)
{
    return mkdtemp(folder) != NULL && chdir(folder) == 0 && put_set("train-images", "train-labels", TINY_TRAIN, 1) &&
           put_set("test-images", "test-labels", TINY_TEST, 2) && put_model("tiny.h5", 1) && put_model("other.h5", 2);
}

void tiny_leave(void)
{
    if (chdir("/") == 0) {
        remove_tree(folder);
    }
}

void tiny_set(MhoSettings *settings, const char *key, const char *value)
{
    MhoError error = {0};
    must(mho_settings_set(settings, key, value, NULL, &error), &error);
}

MhoSettings *tiny_settings(void)
{
    MhoSettings *settings;
    MhoError error = {0};
    must(mho_settings_create(&settings, &error), &error);
    tiny_set(settings, "model", "tiny.h5");
    tiny_set(settings, "data.name", TINY_TEST_SET);
    tiny_set(settings, "data.train", TINY_TRAIN_SET);
    tiny_set(settings, "train.validation", "10");
    tiny_set(settings, "chip.adc.name", "ideal");
    return settings;
}

void tiny_put(MhoSettings *settings, const char *prefix, const MhoDescriptor *model, const void *params)
{
    for (size_t p = 0; p < model->n_params; p++) {
        char key[MHO_KEY_MAX], value[MHO_TEXT_MAX];
        snprintf(key, sizeof key, "%s%s", prefix, model->params[p].key);
        mho_param_format(&model->params[p], params, value, sizeof value);
        tiny_set(settings, key, value);
    }
}

bool tiny_try(Tiny *tiny, MhoSettings *settings)
{
    const MhoModelOptions options = {.threads = 1, .batch = 17}; /* results do not depend on the batch */
    MhoError error = {0};
    memset(tiny, 0, sizeof *tiny);
    tiny->settings = settings;
    must(mho_trial_cache_create(&options, &tiny->cache, &error), &error);
    return mho_trial_cache_prepare(tiny->cache, settings, "", true, &tiny->setup, &error) == MHO_OK &&
           mho_trial_run(&tiny->setup, 0, tiny->logits, &tiny->trial, &error) == MHO_OK;
}

void tiny_run(Tiny *tiny, MhoSettings *settings)
{
    ck_assert_msg(tiny_try(tiny, settings), "these settings are refused");
}

void tiny_close(Tiny *tiny)
{
    mho_point_setup_clear(&tiny->setup);
    mho_trial_cache_destroy(tiny->cache);
    mho_settings_destroy(tiny->settings);
}
