/* test_same_codes.c - the evaluation of training and the integer executor give the same codes and logits, code for
 * code, on every builder's graph: with batch norm folded, removed with shift, removed in the paper's form.
 */
#include <stdlib.h>

#include "net/lowered/executor.h"
#include "net/fakequant/fakequant.h"
#include "net/transform/transform.h"
#include "support/net_sample.h"
#include "support/run_once.h"

enum { IMAGES = 2, CLASSES = 10 };

static uint8_t *sample_images(MhoShape shape)
{
    const size_t n = (size_t)IMAGES * (size_t)(shape.h * shape.w * shape.c);
    uint32_t *words = calloc(n, sizeof *words);
    uint8_t *images = calloc(n, 1);
    ck_assert(words && images);
    mho_random_words((MhoStream){.seed = 11, .noise = 1.0F}, MHO_DRAW_TEST, 0, n, words);
    for (size_t i = 0; i < n; i++)
        images[i] = (uint8_t)(words[i] >> 24);
    free(words);
    return images;
}

/* Codes of one step for all images against what the pass stored at the node of that name. */
static void same_step(const MhoLoweredNet *lowered, size_t s, const uint8_t *codes, const float *stored,
                      size_t *nonzero)
{
    const MhoStep *step = &lowered->steps[s];
    const size_t n = (size_t)(step->shape.h * step->shape.w * step->shape.c);
    ck_assert_msg(stored != NULL, "%s: no stored output", step->name);
    for (size_t image = 0; image < IMAGES; image++)
        for (size_t i = 0; i < n; i++) {
            const uint8_t byte = codes[image * lowered->codes_size + lowered->codes_offset[s] + i];
            const float code = step->low < 0 ? (float)(int8_t)byte : (float)byte;
            if (code != stored[image * n + i])
                ck_abort_msg("%s: %g against %g", step->name, (double)code, (double)stored[image * n + i]);
            *nonzero += byte != 0;
        }
}

static void same_codes(MhoNet *net)
{
    MhoError error = {0};
    MhoLoweredNet *lowered;
    MhoFakeQuant *pass;
    float logits[IMAGES * CLASSES], expected[IMAGES * CLASSES];
    size_t nonzero = 0;
    uint8_t *images = sample_images(net->nodes[0].shape);
    must(mho_lowered_net_create(net, &lowered, &error), &error);
    uint8_t *codes = calloc(IMAGES, lowered->codes_size);
    ck_assert_ptr_nonnull(codes);
    must(run_integer(lowered, images, IMAGES, 1, logits, codes, &error), &error);
    must(mho_fakequant_create(net, IMAGES, false, &pass, &error), &error);
    must(mho_fakequant_forward(pass, images, false, expected, &error), &error);
    for (size_t s = 0; s + 1 < lowered->n_steps; s++)
        same_step(lowered, s, codes, mho_fakequant_output(pass, (size_t)mho_net_find(net, lowered->steps[s].name)),
                  &nonzero);
    for (size_t k = 0; k < IMAGES * CLASSES; k++)
        ck_assert_float_eq(logits[k], expected[k]);
    ck_assert_uint_gt(nonzero, IMAGES * lowered->codes_size / 10);
    mho_fakequant_destroy(pass);
    mho_lowered_net_destroy(lowered);
    free(images);
    free(codes);
}

/* Quantized and folded nets give the same codes and logits in evaluation and in the integer executor. */
TEST_LOOP(test_builder, 0, 9)
{
    const char *builder = mho_net_builders()[_i / 3];
    const int bits[] = {2, 5, 8};
    MhoNet *net = sample_quantized(builder, bits[_i % 3], bits[_i % 3]), *removed;
    MhoError error = {0};
    same_codes(net);
    must(mho_net_remove_batchnorm(net, MHO_SCALE_PER_CHANNEL, true, &removed, &error), &error);
    same_codes(removed);
    mho_net_destroy(removed);
    must(mho_net_remove_batchnorm(net, MHO_SCALE_PER_TENSOR, false, &removed, &error), &error);
    same_codes(removed);
    mho_net_destroy(removed);
    mho_net_destroy(net);
}

/* Every registered policy for weights and activations, at every bit width that it takes; levels of 16 bits, which are
 * for weights only, in test_level_codes.c. */
TEST_LOOP(test_policy, 0, (int)mho_quantizer_registry.n)
{
    const MhoQuantizer *q = (const void *)mho_quantizer_registry.descriptors[_i];
    if (q->nonuniform)
        return;
    for (int bits = q->min_bits; bits <= q->max_bits; bits++) {
        MhoNet *net = sample_quantized_by("allconv", q->descriptor.name, bits, bits), *removed;
        MhoError error = {0};
        same_codes(net);
        if (q->normalizes_signed) {
            must_refuse(mho_net_remove_batchnorm(net, MHO_SCALE_PER_CHANNEL, true, &removed, &error), &error, MHO_USAGE,
                        "batch norm cannot move");
        } else {
            must(mho_net_remove_batchnorm(net, MHO_SCALE_PER_CHANNEL, true, &removed, &error), &error);
            same_codes(removed);
            mho_net_destroy(removed);
        }
        mho_net_destroy(net);
    }
}

/* Weights of one size have the codes +-255 of 8 bits without zero: sums beyond 2^24 take two planes, exactly. */
TEST(test_largest_codes)
{
    MhoNet *net = sample_quantized_by("allconv", "dorefa", 8, 8);
    for (size_t i = 0; i < net->n_nodes; i++) {
        MhoNodeArray *weight = mho_node_array(&net->nodes[i], MHO_ARRAY_WEIGHT);
        if (!weight)
            continue;
        sample_uniform((uint32_t)i, weight->n, -1.0F, 1.0F, weight->value);
        for (size_t r = 0; r < weight->n; r++)
            weight->value[r] = weight->value[r] < 0.0F ? -0.1F : 0.1F;
    }
    same_codes(net);
    mho_net_destroy(net);
}
