/* test_gradients.c - every gradient of every layer kind against central differences of the naive reference in double.
 *
 * For quantized nets the differences are those of the declared surrogate (reference.h). Forward values and codes are
 * compared on the way, so the convolutions are checked against loops of their own.
 */
#include "nets.h"
#include "reference.h"

enum { BATCH = 3, PER_ARRAY = 12 };

/* A convex loss with gradient t + logit / 2. */
static double target(size_t i)
{
    return (double)((int)(i * 5 % 7) - 3);
}

static double loss_of(const double *logits, size_t n)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++)
        sum += target(i) * logits[i] + 0.25 * logits[i] * logits[i];
    return sum;
}

typedef struct Case {
    MhoNet *net;
    MhoFakeQuant *pass;
    Reference *reference;
    uint8_t *images;
    float *logits;
    size_t n_logits;
} Case;

static Case case_create(MhoNet *net, bool batch_statistics, bool straight)
{
    MhoError error = {0};
    Case c = {.net = net};
    net_draw(net);
    must(mho_fakequant_create(net, BATCH, true, &c.pass, &error), &error);
    c.reference = reference_create(net, BATCH);
    c.reference->batch_statistics = batch_statistics;
    c.reference->straight = straight;
    c.images = draw_images(net, BATCH);
    c.n_logits = BATCH * (size_t)net->n_classes;
    c.logits = calloc(c.n_logits, sizeof *c.logits);
    return c;
}

static void case_destroy(Case *c)
{
    mho_fakequant_destroy(c->pass);
    reference_destroy(c->reference);
    mho_net_destroy(c->net);
    free(c->images);
    free(c->logits);
}

/* Outputs that the pass keeps: codes equal, values close. */
static void compare_outputs(const Case *c)
{
    for (size_t i = 1; i < c->net->n_nodes; i++) {
        const float *stored = mho_fakequant_output(c->pass, i);
        const MhoFakeQuantSettings *q = mho_node_fake_quant(&c->net->nodes[i]);
        const MhoShape s = c->net->nodes[i].shape;
        const size_t n = BATCH * (size_t)(s.h * s.w * s.c);
        if (!stored || !q)
            continue;
        const double full = q->is_signed ? (1 << (q->bits - 1)) - 1 : (1 << q->bits) - 1;
        const double step = exp(c->reference->log_scale[i]) / full;
        bool different = false;
        for (size_t j = 0; j < n; j++) {
            ck_assert_msg(fabs((double)stored[j] - c->reference->value[i][j] / step) < 1e-3,
                          "node %s, element %zu: code %g, not %g", c->net->nodes[i].name, j, (double)stored[j],
                          c->reference->value[i][j] / step);
            different = different || stored[j] != stored[0];
        }
        ck_assert_msg(different, "node %s: all codes are equal", c->net->nodes[i].name);
    }
}

/* Forward and backward at the sample's point; the reference is recorded and frozen there. */
static void run_case(Case *c)
{
    MhoError error = {0};
    float *d_logits = calloc(c->n_logits, sizeof *d_logits);
    c->reference->frozen = false;
    const double *expected = reference_run(c->reference, c->images); /* before running statistics move */
    must(mho_fakequant_forward(c->pass, c->images, c->reference->batch_statistics, c->logits, &error), &error);
    for (size_t i = 0; i < c->n_logits; i++) {
        ck_assert_msg(fabs((double)c->logits[i] - expected[i]) < 2e-5 * (1.0 + fabs(expected[i])),
                      "logit %zu: %g, not %g", i, (double)c->logits[i], expected[i]);
        d_logits[i] = (float)(target(i) + 0.5 * (double)c->logits[i]);
    }
    compare_outputs(c);
    must(mho_fakequant_backward(c->pass, d_logits, &error), &error);
    c->reference->frozen = true;
    free(d_logits);
}

/* Central difference of the reference's loss for one of its numbers. */
static double difference(Case *c, double *at)
{
    const double kept = *at, eps = 1e-5;
    *at = kept + eps;
    const double above = loss_of(reference_run(c->reference, c->images), c->n_logits);
    *at = kept - eps;
    const double below = loss_of(reference_run(c->reference, c->images), c->n_logits);
    *at = kept;
    return (above - below) / (2.0 * eps);
}

/* Every quantizer that uses this log-scale, each with its own 1 / sqrt(N n). */
static double activation_scale_difference(Case *c, int owner)
{
    double sum = 0.0;
    for (size_t i = 0; i < c->net->n_nodes; i++) {
        const MhoFakeQuantSettings *q = mho_node_fake_quant(&c->net->nodes[i]);
        const MhoShape s = c->net->nodes[i].shape;
        if (!q || mho_net_scale_owner(c->net, (int)i) != owner)
            continue;
        const double full = q->is_signed ? (1 << (q->bits - 1)) - 1 : (1 << q->bits) - 1;
        sum += difference(c, &c->reference->log_scale[i]) / sqrt((double)(BATCH * s.h * s.w * s.c) * full);
    }
    return sum;
}

static double expected_gradient(Case *c, size_t i, size_t a, size_t j)
{
    const MhoNode *node = &c->net->nodes[i];
    const MhoConvSettings *conv = mho_node_conv(node);
    if (strcmp(node->arrays[a].name, "log_scale") != 0)
        return difference(c, &c->reference->parameter[a][i][j]);
    if (!conv)
        return activation_scale_difference(c, (int)i);
    const double per_channel = (double)(node->arrays[0].n / node->arrays[a].n), full = (1 << (conv->bits - 1)) - 1;
    return difference(c, &c->reference->parameter[a][i][j]) / sqrt(per_channel * full);
}

/* Elements spread over every learned array; small ones are held to the size of the array's gradient. */
static void check_gradients(Case *c)
{
    for (size_t i = 0; i < c->net->n_nodes; i++)
        for (size_t a = 0; a < c->net->nodes[i].n_arrays; a++) {
            const MhoNodeArray *array = &c->net->nodes[i].arrays[a];
            const float *gradient = mho_fakequant_gradient(c->pass, i, a);
            const size_t stride = array->n > PER_ARRAY ? array->n / PER_ARRAY : 1;
            double size = 0.0;
            if (!array->learned) {
                ck_assert_ptr_null(gradient);
                continue;
            }
            for (size_t j = 0; j < array->n; j++)
                size += (double)(gradient[j] * gradient[j]);
            size = sqrt(size / (double)array->n);
            ck_assert_msg(size > 1e-7, "%s/%s: the gradient is zero", c->net->nodes[i].name, array->name);
            for (size_t j = 0; j < array->n; j += stride) {
                const double expected = expected_gradient(c, i, a, j);
                ck_assert_msg(fabs((double)gradient[j] - expected) < 1e-3 * fabs(expected) + 1e-3 * size + 2e-6,
                              "%s/%s[%zu]: %g, not %g (size %g)", c->net->nodes[i].name, array->name, j,
                              (double)gradient[j], expected, size);
            }
        }
}

static void check_net(MhoNet *net, bool batch_statistics, bool straight)
{
    Case c = case_create(net, batch_statistics, straight);
    run_case(&c);
    check_gradients(&c);
    case_destroy(&c);
}

static MhoNet *float_without_norm(void)
{
    MhoNet *net = net_start(9, 8, 3);
    put_conv(net, "conv1", (Conv){.channels = 5, .kernel = 3, .stride = 2, .pad = 1, .bias = true}, "image");
    put_relu(net, "relu1", "conv1");
    put_pool(net, "pool1", MHO_POOL_MAX, 3, 1, 1, "relu1");
    put_conv(net, "conv2", (Conv){.channels = 7, .kernel = 2, .bias = true}, "pool1");
    put_pool(net, "pool2", MHO_POOL_AVERAGE, 2, 1, 0, "conv2");
    put_dense(net, "hidden", (Conv){.channels = 6, .bias = true}, "pool2");
    put_relu(net, "relu2", "hidden");
    put_dense(net, "logits", (Conv){.channels = 4, .bias = true}, "relu2");
    return net;
}

/* Groups, a residual addition, a batch norm with two readers, 16 and more channels, tensors of more than one tile. */
static MhoNet *float_residual(void)
{
    MhoNet *net = net_start(8, 9, 1);
    put_conv(net, "conv1", (Conv){.channels = 16, .kernel = 3, .pad = 1}, "image");
    put_norm(net, "norm1", "conv1");
    put_conv(net, "conv2", (Conv){.channels = 16, .kernel = 3, .pad = 1, .groups = 2}, "norm1");
    put_norm(net, "norm2", "conv2");
    put_relu(net, "relu2", "norm2");
    net_put(net, "sum", "add", NULL, 0, "norm1", "relu2");
    put_relu(net, "relu3", "sum");
    put_conv(net, "conv3", (Conv){.channels = 20, .kernel = 3, .stride = 2}, "relu3");
    put_norm(net, "norm3", "conv3");
    put_relu(net, "relu4", "norm3");
    put_pool(net, "pool", MHO_POOL_GLOBAL, 0, 0, 0, "relu4");
    put_dense(net, "logits", (Conv){.channels = 3}, "pool");
    return net;
}

/* Two branches on one shared signed scale, both scale forms, several widths, batch norm everywhere. */
static MhoNet *quantized_residual(void)
{
    MhoNet *net = net_start(7, 7, 3);
    put_conv(net, "conv1", (Conv){.channels = 6, .kernel = 3, .pad = 1, .bits = 3}, "image");
    put_norm(net, "norm1", "conv1");
    put_quantizer(net, "codes1", 4, false, "", "norm1");
    put_conv(net, "conv2", (Conv){.channels = 8, .kernel = 3, .stride = 2, .bits = 2, .per_tensor = true}, "codes1");
    put_norm(net, "norm2", "conv2");
    put_quantizer(net, "branch", 8, true, "", "norm2");
    put_conv(net, "conv3", (Conv){.channels = 8, .kernel = 1, .stride = 2, .bits = 5}, "codes1");
    put_norm(net, "norm3", "conv3");
    put_pool(net, "crop", MHO_POOL_AVERAGE, 2, 1, 0,
             "norm3"); /* whole-number sums tie: a maximum has no one gradient */
    put_quantizer(net, "shortcut", 8, true, "branch", "crop");
    net_put(net, "sum", "add", NULL, 0, "branch", "shortcut");
    put_quantizer(net, "codes2", 6, false, "", "sum");
    put_pool(net, "pool", MHO_POOL_GLOBAL, 0, 0, 0, "codes2");
    put_quantizer(net, "pooled", 8, false, "", "pool");
    put_dense(net, "logits", (Conv){.channels = 5, .bits = 8, .bias = true}, "pooled");
    return net;
}

/* Batch norm is gone: integer shifts, an imported bias, maxima and averages of codes. */
static MhoNet *fully_quantized(bool straight)
{
    MhoNet *net = net_start(12, 11, 1);
    put_conv(net, "conv1", (Conv){.channels = 17, .kernel = 3, .bits = 4, .shift = true, .straight = straight},
             "image");
    put_quantizer(net, "codes1", 5, false, "", "conv1");
    put_pool(net, "pool1", MHO_POOL_MAX, 2, 2, 0, "codes1");
    put_conv(net, "conv2",
             (Conv){.channels = 10, .kernel = 2, .bits = 2, .bias = true, .shift = true, .straight = straight},
             "pool1");
    put_quantizer(net, "codes2", 3, true, "", "conv2");
    put_pool(net, "pool2", MHO_POOL_AVERAGE, 2, 1, 1, "codes2");
    put_quantizer(net, "codes3", 7, true, "", "pool2");
    put_dense(net, "logits", (Conv){.channels = 3, .bits = 6, .per_tensor = true, .straight = straight}, "codes3");
    return net;
}

/* ReLU in front of a signed quantizer, float weights on codes, quantized weights on values, biased sums through a pool.
 */
static MhoNet *mixed(void)
{
    MhoNet *net = net_start(6, 6, 2);
    put_conv(net, "conv1", (Conv){.channels = 4, .kernel = 3, .bits = 6, .bias = true}, "image");
    put_pool(net, "pool1", MHO_POOL_AVERAGE, 2, 1, 0, "conv1");
    put_relu(net, "relu1", "pool1");
    put_quantizer(net, "codes1", 5, true, "", "relu1");
    put_conv(net, "conv2", (Conv){.channels = 6, .kernel = 2}, "codes1");
    put_relu(net, "relu2", "conv2");
    put_conv(net, "conv3", (Conv){.channels = 6, .kernel = 1, .bits = 3, .bias = true}, "relu2");
    net_put(net, "sum", "add", NULL, 0, "conv3", "relu2");
    put_dense(net, "logits", (Conv){.channels = 3, .bias = true}, "sum");
    return net;
}

/* Gradients of a float net without batch norm agree with differences. */
TEST(test_float_without_norm)
{
    check_net(float_without_norm(), true, false);
}

/* Gradients of a float residual net with batch statistics agree with differences. */
TEST(test_float_residual)
{
    check_net(float_residual(), true, false);
}

/* After an evaluation forward the statistics of batch norm are constants of the gradient. */
TEST(test_running_statistics)
{
    check_net(float_residual(), false, false);
}

/* Gradients of a quantized residual net agree with differences of the frozen surrogate. */
TEST(test_quantized_residual)
{
    check_net(quantized_residual(), true, false);
}

/* The same holds after an evaluation forward. */
TEST(test_quantized_running_statistics)
{
    check_net(quantized_residual(), false, false);
}

/* Gradients of a net without batch norm, with shifts and biases, agree with differences. */
TEST(test_fully_quantized)
{
    check_net(fully_quantized(false), true, false);
}

/* The straight-through form of the weight gradient agrees with differences of its surrogate. */
TEST(test_straight_weights)
{
    check_net(fully_quantized(true), true, true);
}

/* Gradients of a net with float and quantized layers agree with differences. */
TEST(test_mixed)
{
    check_net(mixed(), true, false);
}

static double pass_loss(Case *c)
{
    MhoError error = {0};
    double *logits = calloc(c->n_logits, sizeof *logits);
    must(mho_fakequant_forward(c->pass, c->images, true, c->logits, &error), &error);
    for (size_t i = 0; i < c->n_logits; i++)
        logits[i] = (double)c->logits[i];
    const double loss = loss_of(logits, c->n_logits);
    free(logits);
    return loss;
}

/* A random direction of one node's arrays with a slope well above rounding: gradient elements times 0.5 .. 1.5. Returns
 * the slope along it, divided by its length. */
static double direction_of(Case *c, size_t i, float *direction)
{
    const MhoNode *node = &c->net->nodes[i];
    double slope = 0.0, square = 0.0;
    size_t at = 0;
    for (size_t a = 0; a < node->n_arrays; a++)
        for (size_t j = 0; node->arrays[a].learned && j < node->arrays[a].n; j++, at++) {
            const float g = mho_fakequant_gradient(c->pass, i, a)[j];
            draw((uint32_t)(1000 * i + at), 1, 0.5F, 1.5F, &direction[at]);
            direction[at] *= g;
            slope += (double)direction[at] * (double)g;
            square += (double)direction[at] * (double)direction[at];
        }
    for (size_t j = 0; j < at; j++)
        direction[j] /= (float)sqrt(square);
    return slope / sqrt(square);
}

/* The pass's own loss with the node's arrays moved from `before`. */
static double loss_at(Case *c, const MhoNet *before, size_t i, const float *direction, float distance)
{
    MhoNode *node = &c->net->nodes[i];
    size_t at = 0;
    for (size_t a = 0; a < node->n_arrays; a++)
        for (size_t j = 0; node->arrays[a].learned && j < node->arrays[a].n; j++)
            node->arrays[a].value[j] = before->nodes[i].arrays[a].value[j] + distance * direction[at++];
    return pass_loss(c);
}

/* The product's own forward pass differenced along random directions, steps swept from too long to too short. */
TEST(test_directions_of_the_pass)
{
    static float direction[10000];
    Case c = case_create(float_residual(), true, false);
    MhoNet *before;
    MhoError error = {0};
    run_case(&c);
    must(mho_net_copy(c.net, &before, &error), &error);
    for (size_t i = 1; i < c.net->n_nodes; i++) {
        double nearest = INFINITY;
        if (c.net->nodes[i].n_arrays == 0)
            continue;
        const double slope = direction_of(&c, i, direction);
        for (float eps = 0.1F; eps > 1e-4F; eps *= 0.3F) {
            const double above = loss_at(&c, before, i, direction, eps),
                         below = loss_at(&c, before, i, direction, -eps);
            nearest = fmin(nearest, fabs((above - below) / (2.0 * (double)eps) - slope));
        }
        loss_at(&c, before, i, direction, 0.0F);
        ck_assert_msg(slope > 1e-3, "%s: no slope", c.net->nodes[i].name);
        ck_assert_msg(nearest < 2e-3 * slope, "%s: slope %g, nearest difference off by %g", c.net->nodes[i].name, slope,
                      nearest);
    }
    mho_net_destroy(before);
    case_destroy(&c);
}
