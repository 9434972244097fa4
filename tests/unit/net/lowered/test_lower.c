/* test_lower.c - each builder as steps and matrices; what cannot be lowered is named. */
#include <stdlib.h>

#include "net/lowered/lower.h"
#include "net/transform/transform.h"
#include "support/net_sample.h"

static MhoLoweredNet *must_lower(const MhoNet *net)
{
    MhoError error = {0};
    MhoLoweredNet *lowered;
    must(mho_lowered_net_create(net, &lowered, &error), &error);
    return lowered;
}

static size_t count(const MhoLoweredNet *lowered, MhoStepKind kind)
{
    size_t n = 0;
    for (size_t s = 0; s < lowered->n_steps; s++)
        n += lowered->steps[s].kind == kind;
    return n;
}

static const MhoStep *step_at(const MhoLoweredNet *lowered, const char *name)
{
    for (size_t s = 0; s < lowered->n_steps; s++)
        if (strcmp(lowered->steps[s].name, name) == 0)
            return &lowered->steps[s];
    ck_abort_msg("no step %s", name);
    return NULL;
}

static const char *input_name(const MhoLoweredNet *lowered, const MhoStep *step, int k)
{
    ck_assert_int_lt(k, step->n_inputs);
    return step->inputs[k] < 0 ? "image" : lowered->steps[step->inputs[k]].name;
}

/* What holds for every lowered net: offsets, inputs, code ranges and shapes of matrices. */
static void check_lowered(const MhoLoweredNet *lowered)
{
    size_t bytes = 0;
    for (size_t s = 0; s < lowered->n_steps; s++) {
        const MhoStep *step = &lowered->steps[s];
        ck_assert_uint_eq(lowered->codes_offset[s], bytes);
        ck_assert_int_eq(step->is_logits, s + 1 == lowered->n_steps);
        bytes += step->is_logits ? 0 : (size_t)(step->shape.h * step->shape.w * step->shape.c);
        ck_assert_int_eq(step->n_inputs, step->kind == MHO_STEP_ADD ? 2 : 1);
        for (int k = 0; k < step->n_inputs; k++)
            ck_assert_int_lt(step->inputs[k], (int)s);
        ck_assert(step->kind == MHO_STEP_MAX_POOL || (step->a && step->b));
        ck_assert(step->is_logits || (step->high > 0 && step->high <= 255 && step->low >= -127));
        if (step->kind == MHO_STEP_MATRIX) {
            const MhoMatrix *matrix = &lowered->matrices[step->matrix];
            ck_assert_uint_eq(matrix->positions, (size_t)(step->gather.out_h * step->gather.out_w));
            ck_assert_uint_eq(matrix->rows,
                              (size_t)(step->gather.kernel_h * step->gather.kernel_w * step->gather.c_count));
            ck_assert_uint_eq(matrix->cols * matrix->groups, (size_t)step->shape.c);
        }
    }
    ck_assert_uint_eq(lowered->codes_size, bytes);
}

/* LeNet becomes seven steps: a matrix for each weighted layer, two maximum pools, logits last. */
TEST(test_lenet)
{
    MhoNet *net = sample_quantized("lenet", 4, 3);
    MhoLoweredNet *lowered = must_lower(net);
    const char *order[] = {"conv1_codes", "pool1", "conv2_codes", "pool2", "dense1_codes", "dense2_codes", "logits"};
    check_lowered(lowered);
    ck_assert_uint_eq(lowered->n_steps, 7);
    for (size_t s = 0; s < 7; s++) {
        ck_assert_str_eq(lowered->steps[s].name, order[s]);
        ck_assert_int_eq(lowered->steps[s].inputs[0], (int)s - 1); /* -1: the image */
    }
    ck_assert_uint_eq(lowered->n_matrices, 5);
    ck_assert_uint_eq(count(lowered, MHO_STEP_MAX_POOL), 2);
    const MhoMatrix *conv2 = &lowered->matrices[1], *dense1 = &lowered->matrices[2];
    ck_assert_str_eq(conv2->name, "conv2");
    ck_assert_uint_eq(conv2->rows, 150);
    ck_assert_uint_eq(conv2->cols, 16);
    ck_assert_uint_eq(conv2->positions, 100);
    ck_assert_int_eq(conv2->n_weight, 7);
    ck_assert_int_eq(conv2->n_input, 7); /* over the maximum pool */
    ck_assert_int_eq(lowered->matrices[0].n_input, 255);
    ck_assert_ptr_null(conv2->shift);
    ck_assert_uint_eq(dense1->rows, 400);
    const MhoGather *all = &lowered->steps[4].gather;
    ck_assert_int_eq(all->kernel_h, 5);
    ck_assert_int_eq(all->out_h, 1);
    ck_assert_int_eq(all->c_count, 16);
    ck_assert_int_eq(lowered->steps[1].gather.kernel_h, 2);
    ck_assert_int_eq(lowered->n_classes, 10);
    ck_assert_int_eq(lowered->input.h, 28);
    mho_lowered_net_destroy(lowered);
    mho_net_destroy(net);
}

/* The all-convolutional net ends in a sum pool and a classifier. */
TEST(test_allconv)
{
    MhoNet *net = sample_quantized("allconv", 2, 2);
    MhoLoweredNet *lowered = must_lower(net);
    check_lowered(lowered);
    ck_assert_uint_eq(lowered->n_steps, 7);
    ck_assert_uint_eq(lowered->n_matrices, 6);
    ck_assert_uint_eq(count(lowered, MHO_STEP_SUM_POOL), 1);
    const MhoStep *pool = step_at(lowered, "pool_codes");
    ck_assert_int_eq(pool->gather.kernel_h, 4);
    ck_assert_int_eq(pool->gather.kernel_w, 4);
    ck_assert_int_eq(pool->gather.out_h, 1);
    ck_assert_int_eq(pool->high, 255);
    ck_assert_int_eq(lowered->matrices[5].n_input, 255);
    ck_assert_int_eq(lowered->matrices[2].n_weight, 1);
    mho_lowered_net_destroy(lowered);
    mho_net_destroy(net);
}

/* ResNet-20 has an addition step for each block, which reads two tensors of codes. */
TEST(test_resnet20)
{
    MhoNet *net = sample_quantized("resnet20", 4, 4);
    MhoLoweredNet *lowered = must_lower(net);
    check_lowered(lowered);
    ck_assert_uint_eq(lowered->n_matrices, 22); /* 19 convolutions, 2 shortcuts, 1 dense */
    ck_assert_uint_eq(count(lowered, MHO_STEP_MATRIX), 22);
    ck_assert_uint_eq(count(lowered, MHO_STEP_ADD), 9);
    ck_assert_uint_eq(count(lowered, MHO_STEP_SUM_POOL), 1);
    ck_assert_uint_eq(count(lowered, MHO_STEP_REQUANTIZE), 9); /* streams that convolutions read */
    const MhoStep *stem = step_at(lowered, "conv1_stream"), *codes = step_at(lowered, "conv1_codes");
    ck_assert_int_eq(stem->kind, MHO_STEP_MATRIX);
    ck_assert_int_eq(stem->high, 127);
    ck_assert_int_eq(stem->low, 0);
    ck_assert_int_eq(codes->kind, MHO_STEP_REQUANTIZE);
    ck_assert_str_eq(input_name(lowered, codes, 0), "conv1_stream");
    const MhoStep *sum = step_at(lowered, "block1a_stream");
    ck_assert_int_eq(sum->kind, MHO_STEP_ADD);
    ck_assert_str_eq(input_name(lowered, sum, 0), "block1a_conv2_stream");
    ck_assert_str_eq(input_name(lowered, sum, 1), "conv1_stream");
    ck_assert_float_eq(sum->a[0], 1.0F);
    const MhoStep *branch = step_at(lowered, "block1a_conv2_stream");
    ck_assert_int_eq(branch->low, -127);
    ck_assert_int_eq(lowered->matrices[branch->matrix].signed_input, 0);
    const MhoStep *shortcut = step_at(lowered, "block2a_short_stream");
    ck_assert_str_eq(input_name(lowered, shortcut, 0), "block1c_codes");
    ck_assert_int_eq(shortcut->gather.stride, 2);
    ck_assert_int_eq(shortcut->gather.kernel_h, 1);
    mho_lowered_net_destroy(lowered);
    mho_net_destroy(net);
}

/* A net without batch norm lowers to the same steps; its shifts are the rounded shift weights. */
TEST(test_without_batchnorm_the_steps_are_the_same)
{
    MhoNet *with = sample_quantized("resnet20", 4, 4), *without;
    MhoError error = {0};
    must(mho_net_remove_batchnorm(with, MHO_SCALE_PER_CHANNEL, true, &without, &error), &error);
    MhoLoweredNet *first = must_lower(with), *second = must_lower(without);
    check_lowered(second);
    ck_assert_uint_eq(first->n_steps, second->n_steps);
    for (size_t s = 0; s < first->n_steps; s++) {
        ck_assert_int_eq(first->steps[s].kind, second->steps[s].kind);
        ck_assert_str_eq(first->steps[s].name, second->steps[s].name);
    }
    ck_assert_ptr_null(first->matrices[3].shift);
    ck_assert_ptr_nonnull(second->matrices[3].shift);
    const float *master =
        mho_node_values(&without->nodes[mho_net_find(without, second->matrices[3].name)], MHO_ARRAY_SHIFT);
    for (size_t k = 0; k < second->matrices[3].cols; k++)
        ck_assert_int_eq(second->matrices[3].shift[k], (int32_t)rintf(master[k]));
    mho_lowered_net_destroy(first);
    mho_lowered_net_destroy(second);
    mho_net_destroy(with);
    mho_net_destroy(without);
}

/* image -> conv (groups) -> codes -> dense, by hand; second: NULL, or the name of another quantizer after the same
 * convolution. */
static MhoNet *small_net(int groups, int bits, bool is_signed, bool second)
{
    const MhoInputSettings input = {.h = 5, .w = 6, .c = 4, .divisor = 255.0};
    const MhoConvSettings conv = {.channels = 6,
                                  .kernel = 3,
                                  .stride = 2,
                                  .pad = 1,
                                  .groups = groups,
                                  .bits = 5,
                                  .scale = MHO_SCALE_PER_TENSOR,
                                  .policy = "fqconv"};
    const MhoConvSettings dense = {.channels = 3, .bits = 4, .scale = MHO_SCALE_PER_TENSOR, .policy = "fqconv"};
    const MhoFakeQuantSettings codes = {.bits = bits, .is_signed = is_signed, .policy = "fqconv"};
    MhoFakeQuantSettings shared = codes;
    MhoError error = {0};
    MhoNet *net;
    strcpy(shared.share, "codes");
    must(mho_net_create("small", &net, &error), &error);
    must(mho_net_add(net, "image", "input", &input, sizeof input, NULL, NULL, &error), &error);
    must(mho_net_add(net, "conv", "conv", &conv, sizeof conv, "image", NULL, &error), &error);
    must(mho_net_add(net, "codes", "fake_quant", &codes, sizeof codes, "conv", NULL, &error), &error);
    if (second) {
        must(mho_net_add(net, "codes2", "fake_quant", &shared, sizeof shared, "conv", NULL, &error), &error);
        must(mho_net_add(net, "sum", "add", NULL, 0, "codes", "codes2", &error), &error);
        must(mho_net_add(net, "sum_codes", "fake_quant", &shared, sizeof shared, "sum", NULL, &error), &error);
    }
    must(mho_net_add(net, "out", "dense", &dense, sizeof dense, second ? "sum_codes" : "codes", NULL, &error), &error);
    must(mho_net_finish(net, &error), &error);
    must(mho_net_initialize(net, 5, &error), &error);
    return net;
}

/* A grouped convolution becomes one matrix with groups, whose codes are in the order of the array. */
TEST(test_matrix_of_a_grouped_convolution)
{
    MhoNet *net = small_net(2, 8, true, false);
    MhoLoweredNet *lowered = must_lower(net);
    MhoError error = {0};
    const MhoMatrix *matrix = &lowered->matrices[0];
    int16_t codes[6 * 3 * 3 * 2];
    check_lowered(lowered);
    ck_assert_uint_eq(matrix->groups, 2);
    ck_assert_uint_eq(matrix->rows, 18);
    ck_assert_uint_eq(matrix->cols, 3);
    ck_assert_int_eq(lowered->steps[0].gather.c_count, 2);
    ck_assert_int_eq(lowered->steps[0].gather.c_first, 0);
    must(mho_net_weight_codes(net, 1, codes, NULL, &error), &error);
    bool any = false;
    for (size_t k = 0; k < 6; k++)
        for (size_t r = 0; r < 18; r++) {
            ck_assert_int_eq(matrix->codes[((k / 3) * 18 + r) * 3 + k % 3], codes[k * 18 + r]);
            any = any || codes[k * 18 + r] != 0;
        }
    ck_assert(any);
    ck_assert(lowered->matrices[1].signed_input); /* signed codes go in: two phases */
    ck_assert_int_eq(lowered->matrices[1].n_input, 127);
    ck_assert_int_eq(lowered->steps[0].low, -127);
    mho_lowered_net_destroy(lowered);
    mho_net_destroy(net);
}

/* Two quantizers after one convolution give two steps that read the same matrix. */
TEST(test_two_quantizers_after_one_convolution)
{
    MhoNet *net = small_net(1, 8, true, true);
    MhoLoweredNet *lowered = must_lower(net);
    check_lowered(lowered);
    ck_assert_uint_eq(lowered->n_matrices, 2);
    ck_assert_uint_eq(lowered->n_steps, 4);
    ck_assert_uint_eq(lowered->steps[0].matrix, lowered->steps[1].matrix);
    ck_assert_int_eq(lowered->steps[2].kind, MHO_STEP_ADD);
    ck_assert_int_eq(lowered->steps[2].inputs[0], 0);
    ck_assert_int_eq(lowered->steps[2].inputs[1], 1);
    mho_lowered_net_destroy(lowered);
    mho_net_destroy(net);
}

/* A net that cannot be lowered is refused with the name of the node. */
TEST(test_what_cannot_be_lowered_is_named)
{
    MhoError error = {0};
    MhoLoweredNet *none;
    MhoNet *net = sample_float("allconv");
    must_refuse(mho_lowered_net_create(net, &none, &error), &error, MHO_USAGE, "node 'conv1' is not quantized");
    ck_assert_ptr_null(none);
    ck_assert_ptr_nonnull(strstr(error.text, "--set quant.weight.bits=8"));
    mho_net_destroy(net);
    net = sample_quantized("allconv", 4, 4);
    ((MhoConvSettings *)(void *)net->nodes[mho_net_find(net, "conv4")].settings)->bits = 0; /* a mixed net */
    must_refuse(mho_lowered_net_create(net, &none, &error), &error, MHO_USAGE, "node 'conv4' is not quantized");
    mho_net_destroy(net);
    net = sample_quantized("allconv", 4, 4); /* a layer that reads sums */
    net->nodes[mho_net_find(net, "conv3")].inputs[0] = mho_net_find(net, "conv2_norm");
    must_refuse(mho_lowered_net_create(net, &none, &error), &error, MHO_USAGE, "'conv2_norm' is not quantized");
    ck_assert_ptr_nonnull(strstr(error.text, "'conv3'"));
    mho_net_destroy(net);
    net = sample_quantized("allconv", 4, 4);
    mho_node_array(&net->nodes[mho_net_find(net, "conv2_codes")], MHO_ARRAY_LOG_SCALE)->value[0] = NAN;
    must_refuse(mho_lowered_net_create(net, &none, &error), &error, MHO_USAGE,
                "node 'conv2_codes': its scale is not set");
    mho_net_destroy(net);
    net = sample_quantized("allconv", 4, 4);
    net->n_nodes--; /* codes at the end */
    must_refuse(mho_lowered_net_create(net, &none, &error), &error, MHO_USAGE, "node 'pool_codes': the last node");
    net->n_nodes++;
    mho_net_destroy(net);
    mho_lowered_net_destroy(NULL);
}
