/* fold_batchnorm.c - the fully quantized form: batch norm moves into the weights' scale and an integer shift.
 *
 *   y = g (m sum + bias - mean) + beta,  g = gamma / sigma,  m = scale_x e^s_w / n_w        (with batch norm)
 *   y = m' (sum' + shift),  m' = |g| m,  s_w' = s_w + ln|g|,  shift = sign(g) (beta / g + bias - mean) / m
 * Master weights are scaled with e^s_w, so codes stay; a negative g flips the signs of its filter. per_tensor: one
 * scale, the geometric mean over channels. A channel whose g vanishes (or whose shift has no exact float) gives its
 * constant beta: zero weights and a shift of +-127 units. Without shift (the paper's form) constants are dropped;
 * fine-tuning repairs it. Source: Verhoef et al., "FQ-Conv", arXiv 1912.09356; the integer shift is this project's.
 * Valid for scales that are set.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "kernels/math.h"
#include "net/transform/transform_internal.h"

static const double gain_min = 1e-6;       /* below, sigma^2 is some 1e12 gamma^2: a channel without information */
static const double shift_max = 4194304.0; /* 2^22: shift plus sum stays an exact float */
static const double constant_min = 1e-12;  /* a smaller constant output counts as 0 */
enum { DEAD_SHIFT = 127 };                 /* resolution of a dead channel's constant */

/* One channel before and after folding. */
typedef struct Channel {
    double gain, shift, constant; /* g; sign(g) (beta / g + bias - mean) / m; beta */
    double log_scale;             /* s_w before, s_w + ln|g| after (own scale of the channel) */
    bool dead;
} Channel;

/* A layer being folded. */
typedef struct Fold {
    const MhoNet *old;
    int node, batchnorm; /* in the old net; batchnorm -1: none */
    MhoNode *made;
    double scale_x; /* value of one input code */
    int n_weight;
    size_t n, per_channel;
    Channel *channels; /* (n) */
} Fold;

/* The batch norm that reads the node, -1 when none does. */
static int batchnorm_of(const MhoNet *net, int i)
{
    int last;
    const int readers = mho_net_readers(net, i, &last);
    return readers > 0 && mho_node_is(&net->nodes[last], &mho_layer_batchnorm) ? last : -1;
}

/* Whether the node becomes a layer with shift and without bias. The classifier keeps its float bias. */
static bool becomes_full(const MhoNet *net, int i)
{
    return mho_node_is(&net->nodes[i], &mho_layer_conv) || (mho_node_conv(&net->nodes[i]) && batchnorm_of(net, i) >= 0);
}

static MhoStatus check_removable(const MhoNet *net, int i, MhoError *error)
{
    const MhoNode *node = &net->nodes[i];
    int last;
    if (mho_node_conv(node) && mho_node_conv(node)->bits == 0)
        return mho_fail(error, MHO_USAGE,
                        "node '%s' is not quantized: quantize the network before batch norm is removed", node->name);
    if (becomes_full(net, i) && node->policy.quantizer->nonuniform)
        return mho_fail(error, MHO_USAGE,
                        "node '%s': batch norm stays with weights of quantizer '%s', as its shift has no exact sum on "
                        "their 16-bit grid; leave fq out of train.stages",
                        node->name, node->policy.quantizer->descriptor.name);
    if (!mho_node_is(node, &mho_layer_batchnorm))
        return MHO_OK;
    const MhoNode *source = &net->nodes[node->inputs[0]];
    if (!mho_node_conv(source) || mho_net_readers(net, node->inputs[0], &last) != 1)
        return mho_fail(error, MHO_USAGE,
                        "node '%s': batch norm can be removed only after a convolution or dense layer that "
                        "no other node reads, not after '%s'",
                        node->name, source->name);
    return MHO_OK;
}

/* Form of the layers that a batch norm folds into. */
typedef struct FullForm {
    int scale; /* MhoWeightScale */
    bool shift;
} FullForm;

static MhoStatus remove_node(MhoRebuild *rebuild, int i, void *settings, void *context, MhoError *error)
{
    const FullForm *form = context;
    const MhoNode *node = &rebuild->old->nodes[i];
    const MhoStatus status = check_removable(rebuild->old, i, error);
    if (status != MHO_OK)
        return status;
    if (becomes_full(rebuild->old, i)) {
        MhoConvSettings *conv = settings;
        conv->bias = false;
        conv->scale = form->scale;
        conv->shift = form->shift;
        conv->adc_range = false; /* of sums without the shift */
    }
    if (mho_node_is(node, &mho_layer_batchnorm))
        rebuild->map[i] = rebuild->map[node->inputs[0]];
    return MHO_OK;
}

static void read_channels(Fold *fold)
{
    const MhoNode *layer = &fold->old->nodes[fold->node];
    const MhoNode *norm = fold->batchnorm >= 0 ? &fold->old->nodes[fold->batchnorm] : NULL;
    const float *log_scale = mho_node_values(layer, MHO_ARRAY_LOG_SCALE),
                *bias = mho_node_values(layer, MHO_ARRAY_BIAS);
    const float *shift = mho_node_values(layer, MHO_ARRAY_SHIFT);
    const bool own = mho_node_conv(layer)->scale == MHO_SCALE_PER_CHANNEL;
    for (size_t k = 0; k < fold->n; k++) {
        Channel *channel = &fold->channels[k];
        const double s_w = (double)log_scale[own ? k : 0], m = fold->scale_x * mho_exp(s_w) / fold->n_weight;
        const MhoBatchnormChannel batchnorm =
            norm ? mho_batchnorm_channel(norm, k) : (MhoBatchnormChannel){.gain = 1.0};
        const double gain = batchnorm.gain, beta = batchnorm.beta;
        const double size = __builtin_fabs(gain), offset = (bias ? (double)bias[k] : 0.0) - batchnorm.mean;
        channel->gain = gain;
        channel->constant = beta;
        channel->log_scale = s_w;
        channel->dead = !(size >= gain_min);
        if (channel->dead)
            continue;
        channel->shift = (beta / gain + offset) / m + (shift ? (double)shift[k] : 0.0);
        channel->shift = gain < 0.0 ? -channel->shift : channel->shift;
        channel->dead = !(__builtin_fabs(channel->shift) <= shift_max);
        channel->log_scale = channel->dead ? s_w : s_w + mho_ln(size);
    }
}

/* Scale of a whole tensor: the geometric mean over the channels that are not dead. */
static double mean_log_scale(const Fold *fold)
{
    double sum = 0.0, all = 0.0;
    size_t alive = 0;
    for (size_t k = 0; k < fold->n; k++) {
        all += fold->channels[k].log_scale;
        if (fold->channels[k].dead)
            continue;
        sum += fold->channels[k].log_scale;
        alive++;
    }
    return alive > 0 ? sum / (double)alive : all / (double)fold->n;
}

/* New log-scales and shifts (NULL: dropped). */
static void write_scales(Fold *fold, bool per_channel, float *log_scale, float *shift)
{
    const double mean = mean_log_scale(fold);
    for (size_t k = 0; k < fold->n; k++) {
        Channel *channel = &fold->channels[k];
        const double constant = __builtin_fabs(channel->constant);
        const bool constant_scale = per_channel && channel->dead && shift && constant > constant_min;
        if (constant_scale) /* m' = |beta| / 127 */
            channel->log_scale = mho_ln(constant * fold->n_weight / (fold->scale_x * DEAD_SHIFT));
        else if (!per_channel)
            channel->log_scale = mean;
        if (channel->dead) {
            const double m = fold->scale_x * mho_exp(channel->log_scale) / fold->n_weight,
                         units = channel->constant / m;
            channel->shift = units > shift_max ? shift_max : units < -shift_max ? -shift_max : units;
        }
        if (per_channel || k == 0)
            log_scale[k] = (float)channel->log_scale;
        if (shift)
            shift[k] = (float)channel->shift;
    }
}

/* Master weights on the new scales, so that codes stay but for the sign; a weight that rounding brought to a
 * neighbouring code is put on its code. */
static MhoStatus write_weights(const Fold *fold, const MhoNet *made, const int16_t *old_codes, int16_t *codes,
                               MhoError *error)
{
    const MhoNode *layer = &fold->old->nodes[fold->node];
    const bool was_own = mho_node_conv(layer)->scale == MHO_SCALE_PER_CHANNEL;
    const bool own = mho_node_conv(fold->made)->scale == MHO_SCALE_PER_CHANNEL;
    const float *s_old = mho_node_values(layer, MHO_ARRAY_LOG_SCALE), *from = mho_node_values(layer, MHO_ARRAY_WEIGHT);
    const float *s_new = mho_node_values(fold->made, MHO_ARRAY_LOG_SCALE);
    float *to = mho_node_array(fold->made, MHO_ARRAY_WEIGHT)->value;
    const int made_index = (int)(fold->made - made->nodes);
    for (int round = 0; round < 2; round++) {
        for (size_t k = 0; k < fold->n; k++) {
            const Channel *channel = &fold->channels[k];
            const double sign = channel->dead ? 0.0 : channel->gain < 0.0 ? -1.0 : 1.0;
            const double scale = mho_exp((double)s_new[own ? k : 0]);
            const double ratio = sign * scale / mho_exp((double)s_old[was_own ? k : 0]);
            for (size_t r = k * fold->per_channel; r < (k + 1) * fold->per_channel; r++) {
                const double code = sign * old_codes[r];
                if (round == 0)
                    to[r] = (float)(ratio * (double)from[r]);
                else if ((double)codes[r] != code)
                    to[r] = (float)(scale * code / fold->n_weight);
            }
        }
        const MhoStatus status = mho_net_weight_codes(made, made_index, codes, NULL, error);
        if (status != MHO_OK)
            return status;
    }
    return MHO_OK;
}

static MhoStatus fold_layer(Fold *fold, const MhoNet *made, MhoError *error)
{
    const MhoNode *layer = &fold->old->nodes[fold->node];
    const size_t n = mho_node_array(fold->made, MHO_ARRAY_WEIGHT)->n;
    if (layer->policy.quantizer->normalizes_signed)
        return mho_fail(error, MHO_USAGE,
                        "node '%s': batch norm cannot move into weights of quantizer '%s', whose codes depend on the "
                        "largest weight; leave out fq stages or use another quantizer",
                        layer->name, layer->policy.quantizer->descriptor.name);
    fold->n = (size_t)layer->shape.c;
    fold->per_channel = n / fold->n;
    fold->channels = mho_calloc(fold->n, sizeof *fold->channels, error, "folding '%s'", layer->name);
    int16_t *codes = mho_calloc(2 * n, sizeof *codes, error, "folding '%s'", layer->name);
    MhoStatus status = MHO_MEMORY;
    if (fold->channels && codes)
        status = mho_net_scale(fold->old, layer->inputs[0], &fold->scale_x, error);
    if (status == MHO_OK)
        status = mho_net_weight_range(fold->old, fold->node, &fold->n_weight, error);
    if (status == MHO_OK)
        status = mho_net_weight_codes(fold->old, fold->node, codes, NULL, error);
    if (status == MHO_OK) {
        MhoNodeArray *shift = mho_node_array(fold->made, MHO_ARRAY_SHIFT);
        read_channels(fold);
        write_scales(fold, mho_node_conv(fold->made)->scale == MHO_SCALE_PER_CHANNEL,
                     mho_node_array(fold->made, MHO_ARRAY_LOG_SCALE)->value, shift ? shift->value : NULL);
        status = write_weights(fold, made, codes, codes + n, error);
    }
    free(codes);
    free(fold->channels);
    return status;
}

MhoStatus mho_net_remove_batchnorm(const MhoNet *net, int scale, bool shift, MhoNet **removed, MhoError *error)
{
    MhoStatus status = mho_net_rebuild(net, remove_node, &(FullForm){scale, shift}, removed, error);
    for (int i = 0; i < (int)net->n_nodes && status == MHO_OK; i++) {
        const int at = mho_net_find(*removed, net->nodes[i].name);
        if (at < 0 || !becomes_full(net, i))
            continue;
        Fold fold = {.old = net, .node = i, .batchnorm = batchnorm_of(net, i), .made = &(*removed)->nodes[at]};
        status = fold_layer(&fold, *removed, error);
    }
    if (status != MHO_OK) {
        mho_net_destroy(*removed);
        *removed = NULL;
    }
    return status;
}
