/* test_modes.c - layers in codes, with injected noise, or clean (net/fakequant/fakequant.h): values, gradients, draws.
 *
 * A clean net is the float net of the same weights, and its gradients are differences of its own loss. A noisy layer is
 * a clean layer whose weights are the noisy ones, draws held; its weights' gradient is that layer's times the slope.
 */
#include <omp.h>

#include "nets.h"
#include "net/transform/transform.h"

enum { BATCH = 3, CLASSES = 4, N_LOGITS = BATCH * CLASSES, MAX_VALUES = 4096 };

static const char *const names[] = {"conv1", "norm1",    "codes1", "conv2",  "norm2", "branch", "conv3",
                                    "norm3", "shortcut", "sum",    "codes2", "pool",  "pooled", "logits"};

/* The policy of the node added last. */
static void set_policy(MhoNet *net, const char *policy)
{
    MhoNode *node = &net->nodes[net->n_nodes - 1];
    if (mho_node_conv(node))
        snprintf(((MhoConvSettings *)(void *)node->settings)->policy, MHO_TEXT_MAX, "%s", policy);
    else
        snprintf(((MhoFakeQuantSettings *)(void *)node->settings)->policy, MHO_TEXT_MAX, "%s", policy);
}

static void put_coded(MhoNet *net, const char *name, Conv c, const char *input, const char *policy)
{
    if (c.kernel)
        put_conv(net, name, c, input);
    else
        put_dense(net, name, c, input);
    set_policy(net, policy);
}

static void put_codes(MhoNet *net, const char *name, int bits, bool is_signed, const char *share, const char *input,
                      const char *policy)
{
    put_quantizer(net, name, bits, is_signed, share, input);
    set_policy(net, policy);
}

/* Two branches that meet, a pool, a classifier. bits 0: the float net without the quantizers, ReLU in their place. */
static MhoNet *net_of(int bits, const char *weights, const char *activations)
{
    MhoNet *net = net_start(7, 7, 3);
    const bool coded = bits > 0;
    put_coded(net, "conv1", (Conv){.channels = 6, .kernel = 3, .pad = 1, .bits = bits}, "image", weights);
    put_norm(net, "norm1", "conv1");
    if (coded)
        put_codes(net, "codes1", 4, false, "", "norm1", activations);
    else
        put_relu(net, "codes1", "norm1");
    put_coded(net, "conv2", (Conv){.channels = 8, .kernel = 3, .stride = 2, .bits = bits, .per_tensor = true}, "codes1",
              weights);
    put_norm(net, "norm2", "conv2");
    put_coded(net, "conv3", (Conv){.channels = 8, .kernel = 3, .stride = 2, .bits = bits}, "codes1", weights);
    put_norm(net, "norm3", "conv3");
    if (coded) {
        put_codes(net, "branch", 8, true, "", "norm2", "fqconv");
        put_codes(net, "shortcut", 8, true, "branch", "norm3", "fqconv");
    }
    net_put(net, "sum", "add", NULL, 0, coded ? "branch" : "norm2", coded ? "shortcut" : "norm3");
    if (coded)
        put_codes(net, "codes2", 6, false, "", "sum", activations);
    else
        put_relu(net, "codes2", "sum");
    put_pool(net, "pool", MHO_POOL_GLOBAL, 0, 0, 0, "codes2");
    if (coded)
        put_codes(net, "pooled", 8, false, "", "pool", "fqconv");
    put_coded(net, "logits", (Conv){.channels = CLASSES, .bits = bits, .bias = true}, coded ? "pooled" : "pool",
              weights);
    net_draw(net);
    return net;
}

/* Arrays of the same node and name from one net to another. */
static void copy_arrays(const MhoNet *from, MhoNet *to)
{
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        const int a = mho_net_find(from, names[k]), b = mho_net_find(to, names[k]);
        for (size_t i = 0; a >= 0 && b >= 0 && i < from->nodes[a].n_arrays; i++) {
            const MhoNodeArray *array = &from->nodes[a].arrays[i];
            MhoNodeArray *other = mho_node_array(&to->nodes[b], array->role);
            if (other && other->n == array->n)
                memcpy(other->value, array->value, array->n * sizeof *array->value);
        }
    }
}

typedef struct Run {
    MhoFakeQuant *pass;
    float logits[N_LOGITS];
} Run;

/* One step with these modes, gradients at a convex loss of the logits. */
static void run_step(Run *run, MhoNet *net, const uint8_t *images, const uint8_t *modes, uint32_t step)
{
    float d_logits[N_LOGITS];
    MhoError error = {0};
    must(mho_fakequant_create(net, BATCH, true, &run->pass, &error), &error);
    mho_fakequant_set_modes(run->pass, modes, 7, step);
    must(mho_fakequant_forward(run->pass, images, true, run->logits, &error), &error);
    for (int i = 0; i < N_LOGITS; i++)
        d_logits[i] = (float)(i * 5 % 7 - 3) + 0.5F * run->logits[i];
    must(mho_fakequant_backward(run->pass, d_logits, &error), &error);
}

static const float *gradient(const Run *run, const MhoNet *net, const char *node, const char *array, size_t *n)
{
    const int at = mho_net_find(net, node);
    for (size_t a = 0; a < net->nodes[at].n_arrays; a++)
        if (strcmp(net->nodes[at].arrays[a].name, array) == 0) {
            *n = net->nodes[at].arrays[a].n;
            return mho_fakequant_gradient(run->pass, (size_t)at, a);
        }
    ck_abort_msg("%s has no %s", node, array);
    return NULL;
}

/* Equal but for rounding, and not nothing. slope: factors of b, NULL: 1. */
static void close_arrays(size_t n, const float *a, const float *b, const float *slope, const char *what)
{
    double size = 0.0;
    for (size_t i = 0; i < n; i++)
        size += (double)(a[i] * a[i]) / (double)n;
    ck_assert_msg(size > 1e-12, "%s: nothing", what);
    for (size_t i = 0; i < n; i++) {
        const double expected = (double)b[i] * (slope ? (double)slope[i] : 1.0);
        if (fabs((double)a[i] - expected) > 2e-4 * (sqrt(size) + fabs(expected)))
            ck_abort_msg("%s[%zu]: %g, not %g", what, i, (double)a[i], expected);
    }
}

static const uint8_t *all(MhoNodeMode mode)
{
    static uint8_t modes[3][32];
    memset(modes[mode], (int)mode, sizeof modes[mode]);
    return modes[mode];
}

/* A quantized net in clean mode computes and learns like its float twin. */
TEST(test_clean_is_float)
{
    MhoNet *net = net_of(3, "uniq", "uniq"), *twin = net_of(0, "fqconv", "fqconv");
    uint8_t *images = draw_images(net, BATCH);
    Run clean, other;
    size_t n;
    copy_arrays(net, twin);
    run_step(&clean, net, images, all(MHO_MODE_CLEAN), 0);
    run_step(&other, twin, images, NULL, 0);
    close_arrays(N_LOGITS, clean.logits, other.logits, NULL, "logits");
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        const char *const arrays[] = {"weight", "gamma", "beta", "bias"};
        const int at = mho_net_find(twin, names[k]);
        for (size_t a = 0; a < 4 && at >= 0; a++)
            if (mho_node_array(&twin->nodes[at], mho_array_role(arrays[a]))) {
                const float *expected = gradient(&other, twin, names[k], arrays[a], &n);
                close_arrays(n, gradient(&clean, net, names[k], arrays[a], &n), expected, NULL, names[k]);
            }
        const int own = mho_net_find(net, names[k]);
        if (own >= 0 && mho_node_array(&net->nodes[own], MHO_ARRAY_LOG_SCALE))
            ck_assert_float_eq(*gradient(&clean, net, names[k], "log_scale", &n), 0.0F);
    }
    mho_fakequant_destroy(clean.pass);
    mho_fakequant_destroy(other.pass);
    mho_net_destroy(net);
    mho_net_destroy(twin);
    free(images);
}

static double loss_of(MhoNet *net, const uint8_t *images, const uint8_t *modes)
{
    float logits[N_LOGITS];
    double loss = 0.0;
    MhoError error = {0};
    MhoFakeQuant *pass;
    must(mho_fakequant_create(net, BATCH, true, &pass, &error), &error);
    mho_fakequant_set_modes(pass, modes, 7, 3);
    must(mho_fakequant_forward(pass, images, true, logits, &error), &error);
    for (int i = 0; i < N_LOGITS; i++)
        loss += (i * 5 % 7 - 3) * (double)logits[i] + 0.25 * (double)logits[i] * (double)logits[i];
    mho_fakequant_destroy(pass);
    return loss;
}

/* Along the gradient of one array: slope by differences of the pass's own loss. */
static void check_direction(MhoNet *net, const uint8_t *images, const uint8_t *modes, const char *node,
                            const char *array)
{
    static float direction[MAX_VALUES];
    MhoNodeArray *values = mho_node_array(&net->nodes[mho_net_find(net, node)], mho_array_role(array));
    double length = 0.0, nearest = INFINITY;
    MhoNet *before;
    MhoError error = {0};
    Run run;
    size_t n;
    must(mho_net_copy(net, &before, &error), &error);
    run_step(&run, net, images, modes, 3);
    memcpy(direction, gradient(&run, net, node, array, &n), values->n * sizeof *direction);
    mho_fakequant_destroy(run.pass);
    for (size_t i = 0; i < n; i++)
        length += (double)(direction[i] * direction[i]);
    length = sqrt(length);
    const float *kept = mho_node_values(&before->nodes[mho_net_find(before, node)], mho_array_role(array));
    for (double eps = 0.03; eps > 1e-4; eps *= 0.3) {
        double loss[2];
        for (int side = 0; side < 2; side++) {
            for (size_t i = 0; i < n; i++)
                values->value[i] = kept[i] + (float)((side ? -eps : eps) / length) * direction[i];
            loss[side] = loss_of(net, images, modes);
        }
        nearest = fmin(nearest, fabs((loss[0] - loss[1]) / (2.0 * eps) - length));
    }
    memcpy(values->value, kept, n * sizeof *kept);
    ck_assert_msg(length > 1e-3, "%s/%s: no slope", node, array);
    ck_assert_msg(nearest < 0.01 * length, "%s/%s: slope %g, nearest difference off by %g", node, array, length,
                  nearest);
    mho_net_destroy(before);
}

/* Gradients in clean mode agree with differences of the loss. */
TEST(test_clean_by_differences)
{
    MhoNet *net = net_of(3, "uniq", "uniq");
    uint8_t *images = draw_images(net, BATCH);
    check_direction(net, images, all(MHO_MODE_CLEAN), "conv1", "weight");
    check_direction(net, images, all(MHO_MODE_CLEAN), "conv2", "weight");
    check_direction(net, images, all(MHO_MODE_CLEAN), "norm3", "beta");
    check_direction(net, images, all(MHO_MODE_CLEAN), "logits", "weight");
    mho_net_destroy(net);
    free(images);
}

/* Activations with noise, draws held: weights clean, so that the loss is smooth in the values before the noise. */
TEST(test_noisy_activations_by_differences)
{
    MhoNet *net = net_of(3, "uniq", "uniq gradient=exact");
    uint8_t *images = draw_images(net, BATCH), modes[32];
    memset(modes, MHO_MODE_CLEAN, sizeof modes);
    modes[mho_net_find(net, "codes1")] = modes[mho_net_find(net, "codes2")] = MHO_MODE_NOISE;
    ck_assert(loss_of(net, images, modes) != loss_of(net, images, all(MHO_MODE_CLEAN)));
    check_direction(net, images, modes, "norm1", "beta");
    check_direction(net, images, modes, "norm2", "gamma");
    check_direction(net, images, modes, "conv3", "weight");
    mho_net_destroy(net);
    free(images);
}

/* Noisy weights of a layer from the policy itself, with the stream that the pass promises; slope (n). */
static void inject(MhoNet *net, const char *name, uint32_t step, float *noisy, float *slope)
{
    const int at = mho_net_find(net, name);
    const MhoConvSettings *s = mho_node_conv(&net->nodes[at]);
    const MhoNodeArray *weight = mho_node_array(&net->nodes[at], MHO_ARRAY_WEIGHT),
                       *scale = mho_node_array(&net->nodes[at], MHO_ARRAY_LOG_SCALE);
    static double scratch[MAX_VALUES];
    MhoPolicy policy;
    MhoError error = {0};
    must(mho_policy_open(s->policy, &policy, &error), &error);
    ck_assert_uint_le(weight->n, MAX_VALUES);
    policy.quantizer->inject(policy.params,
                             (MhoQuantShape){.bits = s->bits,
                                             .is_signed = true,
                                             .channels = scale->n,
                                             .per_channel = weight->n / scale->n,
                                             .scratch = scratch},
                             weight->value, scale->value,
                             (MhoStream){.seed = 7, .step = step, .place = mho_place((uint32_t)at, 0, 0)}, noisy,
                             slope);
}

static void check_noisy_weights(const char *policy)
{
    static float slope[4][MAX_VALUES];
    const char *const layers[4] = {"conv1", "conv2", "conv3", "logits"};
    MhoNet *net = net_of(3, policy, "fqconv"), *moved = net_of(3, policy, "fqconv");
    uint8_t *images = draw_images(net, BATCH), modes[32];
    Run noisy, clean;
    size_t n;
    memset(modes, MHO_MODE_CLEAN, sizeof modes);
    copy_arrays(net, moved);
    for (size_t l = 0; l < 4; l++) {
        const size_t at = (size_t)mho_net_find(net, layers[l]);
        modes[at] = MHO_MODE_NOISE;
        inject(net, layers[l], 5, mho_node_array(&moved->nodes[at], MHO_ARRAY_WEIGHT)->value, slope[l]);
    }
    run_step(&noisy, net, images, modes, 5);
    run_step(&clean, moved, images, all(MHO_MODE_CLEAN), 0);
    close_arrays(N_LOGITS, noisy.logits, clean.logits, NULL, "logits");
    for (size_t l = 0; l < 4; l++) {
        const float *expected = gradient(&clean, moved, layers[l], "weight", &n);
        close_arrays(n, gradient(&noisy, net, layers[l], "weight", &n), expected, slope[l], layers[l]);
    }
    mho_fakequant_destroy(noisy.pass);
    mho_fakequant_destroy(clean.pass);
    mho_net_destroy(net);
    mho_net_destroy(moved);
    free(images);
}

/* Noisy weights are those of the policy, and their gradient has the policy's slope. */
TEST_LOOP(test_noisy_weights, 0, 3)
{
    const char *const policies[] = {"uniq", "uniq gradient=exact", "uniq cdf=empirical gradient=exact noise=full"};
    check_noisy_weights(policies[_i]);
}

/* Evaluation knows no modes; a policy without noise of its own has codes instead. */
TEST(test_where_modes_do_nothing)
{
    MhoNet *net = net_of(3, "uniq", "uniq"), *plain = net_of(3, "fqconv", "fqconv");
    uint8_t *images = draw_images(net, BATCH);
    float logits[2][N_LOGITS];
    MhoError error = {0};
    MhoFakeQuant *pass;
    Run runs[2];
    must(mho_fakequant_create(net, BATCH, true, &pass, &error), &error);
    must(mho_net_fit_weights(net, &error), &error);
    for (int i = 0; i < 2; i++) {
        mho_fakequant_set_modes(pass, i ? all(MHO_MODE_NOISE) : NULL, 7, 1);
        must(mho_fakequant_forward(pass, images, false, logits[i], &error), &error);
    }
    ck_assert_mem_eq(logits[0], logits[1], sizeof logits[0]);
    mho_fakequant_destroy(pass);
    for (int i = 0; i < 2; i++) {
        run_step(&runs[i], plain, images, i ? all(MHO_MODE_NOISE) : NULL, 1);
        mho_fakequant_destroy(runs[i].pass);
    }
    ck_assert_mem_eq(runs[0].logits, runs[1].logits, sizeof runs[0].logits);
    mho_net_destroy(net);
    mho_net_destroy(plain);
    free(images);
}

/* The same step gives the same bytes, and the same noisy values for any number of threads; another step is another
 * draw. */
TEST(test_draws)
{
    MhoNet *net = net_of(4, "uniq", "uniq");
    uint8_t *images = draw_images(net, BATCH);
    const uint32_t steps[3] = {2, 2, 3};
    static float codes[4][MAX_VALUES];
    float weight[3][MAX_VALUES];
    Run runs[3];
    size_t n = 0;
    for (int i = 0; i < 3; i++) {
        run_step(&runs[i], net, images, all(MHO_MODE_NOISE), steps[i]);
        const float *of_weight = gradient(&runs[i], net, "conv2", "weight", &n);
        memcpy(weight[i], of_weight, n * sizeof(float));
        mho_fakequant_destroy(runs[i].pass);
    }
    ck_assert_mem_eq(runs[0].logits, runs[1].logits, sizeof runs[0].logits);
    ck_assert_mem_eq(weight[0], weight[1], n * sizeof(float));
    ck_assert_mem_ne(runs[0].logits, runs[2].logits, sizeof runs[0].logits);
    const int at = mho_net_find(net, "codes1");
    n = BATCH * (size_t)(net->nodes[at].shape.h * net->nodes[at].shape.w * net->nodes[at].shape.c);
    ck_assert_uint_le(n, MAX_VALUES);
    for (int threads = 1; threads <= 3; threads++) {
        omp_set_num_threads(threads);
        run_step(&runs[0], net, images, all(MHO_MODE_NOISE), 2);
        memcpy(codes[threads], mho_fakequant_output(runs[0].pass, (size_t)at), n * sizeof(float));
        mho_fakequant_destroy(runs[0].pass);
        close_arrays(n, codes[threads], codes[1], NULL, "noisy activations");
    }
    mho_net_destroy(net);
    free(images);
}
