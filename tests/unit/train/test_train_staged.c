/* test_train_staged.c - which layers are codes, noisy or clean when; frozen layers and clipped weights in a step. */
#include "net/fakequant/fakequant.h"
#include "net/transform/transform.h"
#include "support/train_sample.h"

enum { MAX_NODES = 128 };

static MhoError error;

static MhoNet *quantized(const char *builder)
{
    const MhoQuantPlan plan = {
        .weight_bits = 4, .activation_bits = 4, .weight_policy = "fqconv", .activation_policy = "fqconv"};
    const MhoShape input = {SAMPLE_SIDE, SAMPLE_SIDE, 1};
    MhoNet *net, *made;
    must(mho_net_build(builder, input, SAMPLE_CLASSES, 0.25, 3, &net, &error), &error);
    must(mho_net_quantize(net, &plan, &made, &error), &error);
    ck_assert_uint_le(made->n_nodes, MAX_NODES);
    mho_net_destroy(net);
    return made;
}

/* Number of the weighted layer that each node goes with: itself, or the latest on a way back that meets no other. */
static int layer_of(const MhoNet *net, int node)
{
    int number = -1, latest = -1;
    if (!mho_node_conv(&net->nodes[node])) {
        for (int k = 0; k < net->nodes[node].n_inputs; k++) {
            const int other = layer_of(net, net->nodes[node].inputs[k]);
            latest = other > latest ? other : latest;
        }
        return latest;
    }
    for (int i = 0; i <= node; i++)
        number += mho_node_conv(&net->nodes[i]) ? 1 : 0;
    return number;
}

/* Every group has its share of the progress; before it codes and frozen, after it clean. */
TEST_LOOP(test_groups_take_turns, 0, 10)
{
    const char *const builder = _i % 2 ? "resnet20" : "allconv";
    const int layers = (int[]){1, 2, 3, 1000, 0}[_i / 2];
    MhoNet *net = quantized(builder);
    const int n = layer_of(net, (int)net->n_nodes - 1) + 1, size = layers > 0 && layers < n ? layers : n;
    const int groups = (n + size - 1) / size;
    uint8_t modes[MAX_NODES];
    bool frozen[MAX_NODES];
    int joined = 0;
    for (int running = 0; running < groups; running++)
        for (int part = 0; part < 3; part++) {
            mho_gradual_modes(net, (running + 0.499 * part) / groups + 1e-9, layers, modes, frozen);
            for (int i = 0; i < (int)net->n_nodes; i++) {
                const int layer = layer_of(net, i), group = layer < 0 ? -1 : layer / size;
                const int mode = group < running ? MHO_MODE_CODES : group == running ? MHO_MODE_NOISE : MHO_MODE_CLEAN;
                ck_assert_msg(modes[i] == mode, "%s: group %d, node %s has mode %d", builder, running,
                              net->nodes[i].name, modes[i]);
                ck_assert(frozen[i] == (mho_node_conv(&net->nodes[i]) && group < running));
                joined += mho_node_is(&net->nodes[i], &mho_layer_add);
            }
        }
    ck_assert(_i % 2 == 0 || joined > 0);
    mho_net_destroy(net);
}

/* Outside 0..1 the first or last group runs. */
TEST(test_ends_of_progress)
{
    MhoNet *net = quantized("allconv");
    uint8_t modes[MAX_NODES], other[MAX_NODES];
    bool frozen[MAX_NODES];
    const double progress[4] = {0.0, -1.0, 1.0, 7.0};
    for (int i = 0; i < 4; i++) {
        mho_gradual_modes(net, i < 2 ? 0.0 : 0.9999, 1, modes, frozen);
        mho_gradual_modes(net, progress[i], 1, other, frozen);
        ck_assert_mem_eq(modes, other, net->n_nodes);
    }
    ck_assert_int_eq(modes[net->n_nodes - 1], MHO_MODE_NOISE);
    mho_net_destroy(net);
}

/* A sample's float net with gradients of one batch, ready for a step. */
typedef struct Step {
    Sample sample;
    MhoNet *net, *before;
    MhoFakeQuant *pass;
    MhoOptimizer optimizer;
} Step;

static void step_open(Step *s, double weight_clip)
{
    float logits[SAMPLE_TRAINING * SAMPLE_CLASSES], d_logits[SAMPLE_TRAINING * SAMPLE_CLASSES];
    sample_open(&s->sample);
    s->sample.train.weight_clip = weight_clip;
    s->net = sample_net_of(&s->sample, "float:0", 0);
    must(mho_optimizer_create(s->net, &s->sample.train, &s->optimizer, &error), &error);
    must(mho_fakequant_create(s->net, SAMPLE_TRAINING, true, &s->pass, &error), &error);
    must(mho_fakequant_forward(s->pass, s->sample.training.images, true, logits, &error), &error);
    for (size_t i = 0; i < SAMPLE_TRAINING * SAMPLE_CLASSES; i++)
        d_logits[i] = i % SAMPLE_CLASSES == 0 ? 0.02F : -0.01F;
    must(mho_fakequant_backward(s->pass, d_logits, &error), &error);
    must(mho_net_copy(s->net, &s->before, &error), &error);
}

static void step_close(Step *s)
{
    mho_fakequant_destroy(s->pass);
    mho_optimizer_destroy(&s->optimizer);
    mho_net_destroy(s->net);
    mho_net_destroy(s->before);
    sample_close(&s->sample);
}

static bool moved(const Step *s, int node)
{
    bool any = false;
    for (size_t a = 0; a < s->net->nodes[node].n_arrays; a++)
        if (s->net->nodes[node].arrays[a].learned)
            any = any || memcmp(s->net->nodes[node].arrays[a].value, s->before->nodes[node].arrays[a].value,
                                s->net->nodes[node].arrays[a].n * sizeof(float)) != 0;
    return any;
}

/* No step, no decay, no momentum left from before; the others go on. */
TEST(test_frozen_nodes_stand)
{
    Step s;
    bool frozen[MAX_NODES] = {false};
    step_open(&s, 0.0);
    const int conv = mho_net_find(s.net, "conv1"), other = mho_net_find(s.net, "conv2");
    float *velocity = mho_optimizer_velocity(&s.optimizer, (size_t)conv, 0);
    for (size_t i = 0; i < s.net->nodes[conv].arrays[0].n; i++)
        velocity[i] = 1.0F;
    frozen[conv] = true;
    s.optimizer.frozen = frozen;
    must(mho_optimizer_step(&s.optimizer, s.pass, 0.1, &error), &error);
    ck_assert(!moved(&s, conv) && moved(&s, other));
    for (size_t i = 0; i < s.net->nodes[conv].arrays[0].n; i++)
        ck_assert_float_eq(velocity[i], 0.0F);
    s.optimizer.frozen = NULL;
    must(mho_optimizer_step(&s.optimizer, s.pass, 0.1, &error), &error);
    ck_assert(moved(&s, conv));
    step_close(&s);
}

static double deviation(const MhoNodeArray *weight)
{
    double mean = 0.0, squares = 0.0;
    for (size_t i = 0; i < weight->n; i++)
        mean += (double)weight->value[i] / (double)weight->n;
    for (size_t i = 0; i < weight->n; i++)
        squares += pow((double)weight->value[i] - mean, 2.0) / (double)weight->n;
    return sqrt(squares);
}

/* After a step of rate 0: the layer's weights at +- 1.5 standard deviations of it, and nothing else changes. A frozen
 * layer is not clipped. */
TEST(test_weights_are_clipped)
{
    bool frozen[MAX_NODES] = {false};
    size_t clipped = 0;
    Step s;
    step_open(&s, 1.5);
    const int conv3 = mho_net_find(s.net, "conv3");
    frozen[conv3] = true;
    s.optimizer.frozen = frozen;
    must(mho_optimizer_step(&s.optimizer, s.pass, 0.0, &error), &error);
    ck_assert(!moved(&s, conv3));
    for (int i = 0; i < (int)s.net->n_nodes; i++) {
        const MhoNodeArray *now = mho_node_array(&s.net->nodes[i], MHO_ARRAY_WEIGHT),
                           *old = mho_node_array(&s.before->nodes[i], MHO_ARRAY_WEIGHT);
        if (!now || i == conv3) {
            ck_assert(!moved(&s, i));
            continue;
        }
        const float limit = (float)(1.5 * deviation(old));
        for (size_t k = 0; k < now->n; k++) {
            ck_assert_float_eq_tol(now->value[k], fmaxf(fminf(old->value[k], limit), -limit), 1e-6F * limit);
            clipped += now->value[k] != old->value[k];
        }
    }
    ck_assert_uint_gt(clipped, 10);
    step_close(&s);
}
