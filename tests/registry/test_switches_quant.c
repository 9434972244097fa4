/* test_switches_quant.c - what every key of quantization and every parameter of a quantizer does. */
#include <omp.h>
#include <stdio.h>

#include "net/transform/bits.h"
#include "net/graph/requant.h"
#include "numbers.h"
#include "switches.h"
#include "tiny.h"
#include "support/train_sample.h"

/* ln of the largest |weight| of every channel of conv1. */
static bool weight_ranges_are_largest(MhoNet *net)
{
    MhoNode *conv = &net->nodes[mho_net_find(net, "conv1")];
    const MhoNodeArray *scale = mho_node_array(conv, MHO_ARRAY_LOG_SCALE),
                       *weight = mho_node_array(conv, MHO_ARRAY_WEIGHT);
    const size_t n = weight->n / scale->n;
    bool holds = true;
    for (size_t k = 0; k < scale->n; k++) {
        double most = 0.0;
        for (size_t i = 0; i < n; i++) {
            most = fmax(most, fabs((double)weight->value[k * n + i]));
        }
        holds = holds && fabs((double)scale->value[k] - log(most)) < 1e-6;
    }
    return holds;
}

/* Stored output of a node for the sample's images in evaluation. */
static float *output_of(const Sample *sample, MhoNet *net, const char *node, size_t *n)
{
    float logits[SAMPLE_TRAINING * SAMPLE_CLASSES];
    MhoFakeQuant *pass;
    MhoError error = {0};
    const int at = mho_net_find(net, node);
    ck_assert_int_ge(at, 0);
    const MhoShape shape = net->nodes[at].shape;
    must(mho_fakequant_create(net, SAMPLE_TRAINING, false, &pass, &error), &error);
    must(mho_fakequant_forward(pass, sample->training.images, false, logits, &error), &error);
    *n = SAMPLE_TRAINING * (size_t)(shape.h * shape.w * shape.c);
    float *copy = malloc(*n * sizeof *copy);
    ck_assert_ptr_nonnull(copy);
    memcpy(copy, mho_fakequant_output(pass, (size_t)at), *n * sizeof *copy);
    mho_fakequant_destroy(pass);
    return copy;
}

static double largest_output(const Sample *sample, MhoNet *net, const char *node)
{
    size_t n;
    float *values = output_of(sample, net, node, &n);
    double most = 0.0;
    for (size_t i = 0; i < n; i++) {
        most = fmax(most, (double)values[i]);
    }
    free(values);
    return most;
}

/* The first fake_quant node after untrained batch norm, z / sqrt(1 + epsilon), reaches the largest value, at most 1/64
 * more.
 */
static bool activation_range_is_largest(const Sample *sample, MhoNet *net)
{
    const int conv = mho_net_find(net, "conv1"), norm = mho_net_find(net, "conv1_norm");
    const MhoBatchnormSettings *settings = (const void *)net->nodes[norm].settings;
    MhoError error = {0};
    double pixel;
    int n_weight;
    must(mho_net_scale(net, net->nodes[conv].inputs[0], &pixel, &error), &error);
    must(mho_net_weight_range(net, conv, &n_weight, &error), &error);
    const double unit = pixel * exp((double)mho_node_values(&net->nodes[conv], MHO_ARRAY_LOG_SCALE)[0]) / n_weight;
    const double most = largest_output(sample, net, "conv1") * unit / sqrt(1.0 + settings->epsilon);
    const double above =
        (double)*mho_node_values(&net->nodes[mho_net_find(net, "conv1_codes")], MHO_ARRAY_LOG_SCALE) - log(most);
    return above > -1e-5 && above < log(65.0 / 64.0) + 1e-5;
}

/* The net that stage 8/8 starts from with these keys. */
static MhoNet *quantized_by(Sample *sample, const void *params)
{
    sample_open(sample);
    sample->quant = *(const MhoQuantParams *)params;
    return sample_net_of(sample, "float:0 8/8:0", 1);
}

static bool names_weight_policy(const MhoDescriptor *descriptor, const void *params, double on)
{
    Sample sample;
    (void)descriptor, (void)on;
    MhoNet *net = quantized_by(&sample, params);
    const bool holds = weight_ranges_are_largest(net);
    mho_net_destroy(net);
    sample_close(&sample);
    return holds;
}

static bool names_activation_policy(const MhoDescriptor *descriptor, const void *params, double on)
{
    Sample sample;
    (void)descriptor, (void)on;
    MhoNet *net = quantized_by(&sample, params);
    const bool holds = activation_range_is_largest(&sample, net);
    mho_net_destroy(net);
    sample_close(&sample);
    return holds;
}

static bool scales_weights(const MhoDescriptor *descriptor, const void *params, double on)
{
    Sample sample;
    (void)descriptor;
    MhoNet *net = quantized_by(&sample, params);
    MhoNode *conv = &net->nodes[mho_net_find(net, "conv1")];
    const bool holds =
        mho_node_array(conv, MHO_ARRAY_LOG_SCALE)->n == (on == MHO_SCALE_PER_TENSOR ? 1 : (size_t)conv->shape.c);
    mho_net_destroy(net);
    sample_close(&sample);
    return holds;
}

/* A float net quantized after training by these settings, which are destroyed. */
static MhoNet *quantized_after(const Sample *sample, MhoSettings *settings)
{
    MhoNet *net;
    MhoError error = {0};
    must(mho_net_build("allconv", (MhoShape){SAMPLE_SIDE, SAMPLE_SIDE, 1}, SAMPLE_CLASSES, 0.25, 3, &net, &error),
         &error);
    must(mho_model_quantize(settings, &sample->training, 1, NULL, &net, &error), &error);
    mho_settings_destroy(settings);
    return net;
}

static double largest_code(const void *params, bool of_weights)
{
    MhoSettings *settings = tiny_settings();
    Sample sample;
    MhoError error = {0};
    double most = 0.0;
    sample_open(&sample);
    tiny_put(settings, "quant.", &mho_quant_descriptor, params);
    MhoNet *net = quantized_after(&sample, settings);
    if (of_weights) {
        const int conv = mho_net_find(net, "conv1");
        const size_t n = mho_node_array(&net->nodes[conv], MHO_ARRAY_WEIGHT)->n;
        int16_t *codes = malloc(n * sizeof *codes);
        ck_assert_ptr_nonnull(codes);
        must(mho_net_weight_codes(net, conv, codes, NULL, &error), &error);
        for (size_t i = 0; i < n; i++) {
            most = fmax(most, abs(codes[i]));
        }
        free(codes);
    } else {
        most = largest_output(&sample, net, "conv1_codes");
    }
    mho_net_destroy(net);
    sample_close(&sample);
    return most;
}

static bool codes_weights(const MhoDescriptor *descriptor, const void *params, double on)
{
    (void)descriptor;
    return largest_code(params, true) == exp2(on - 1.0) - 1.0;
}

static bool codes_activations(const MhoDescriptor *descriptor, const void *params, double on)
{
    (void)descriptor;
    return largest_code(params, false) == exp2(on) - 1.0;
}

/* Without batch norm the logits stay, but for the rounding of shifts, when its shift becomes rows; without it they do
 * not. */
static bool keeps_shift(const MhoDescriptor *descriptor, const void *params, double on)
{
    Sample sample;
    MhoStages stages;
    MhoNet *removed;
    size_t n;
    double error = 0.0, size = 0.0;
    (void)descriptor, (void)on;
    sample_open(&sample);
    strcpy(sample.train.stages, "float:2 4/4:1");
    must(sample_run(&sample), &sample.error);
    sample.quant = *(const MhoQuantParams *)params;
    must(mho_stages_parse("float:2 4/4:1 fq:1", &stages, &sample.error), &sample.error);
    must(mho_stage_net(&sample.input, &stages.stages[2], &stages.stages[1], sample.net, &removed, &sample.error),
         &sample.error);
    float *before = output_of(&sample, sample.net, "logits", &n), *after = output_of(&sample, removed, "logits", &n);
    for (size_t i = 0; i < n; i++) {
        error += fabs((double)after[i] - (double)before[i]);
        size += fabs((double)before[i]);
    }
    free(before);
    free(after);
    mho_net_destroy(removed);
    sample_close(&sample);
    return error < 0.05 * size;
}

/* Settings whose quantizers have these parameters. */
static MhoSettings *settings_of(const MhoDescriptor *descriptor, const void *params)
{
    MhoSettings *settings = tiny_settings();
    char prefix[2 * MHO_NAME_MAX];
    tiny_set(settings, "quant.weight.name", descriptor->name);
    tiny_set(settings, "quant.activation.name", descriptor->name);
    snprintf(prefix, sizeof prefix, "quant.weight.%s.", descriptor->name);
    tiny_put(settings, prefix, descriptor, params);
    snprintf(prefix, sizeof prefix, "quant.activation.%s.", descriptor->name);
    tiny_put(settings, prefix, descriptor, params);
    tiny_set(settings, "quant.weight.bits", "8");
    tiny_set(settings, "quant.activation.bits", "8");
    return settings;
}

/* Beyond its range a weight has the gradient 0, or that of its value. */
static bool passes_gradient(const MhoDescriptor *descriptor, const void *params, double on)
{
    const float x[2] = {0.5F, 2.0F}, log_scale = 0.0F, d_value[2] = {3.0F, 5.0F};
    const MhoQuantShape shape = {.bits = 4, .is_signed = true, .channels = 1, .per_channel = 2};
    MhoSettings *settings = settings_of(descriptor, params);
    MhoQuantParams quant;
    MhoPolicy policy;
    MhoError error = {0};
    float d_x[2], d_log_scale = 0.0F;
    must(mho_settings_policies(settings, &quant, &error), &error);
    must(mho_policy_open(quant.weight_name, &policy, &error), &error);
    policy.quantizer->gradient(policy.params, shape, x, &log_scale, d_value, d_x, &d_log_scale);
    mho_settings_destroy(settings);
    return d_x[0] == 3.0F && d_x[1] == (on > 0.5 ? 5.0F : 0.0F);
}

/* Mean of squared errors of a ramp's cubes as weights, and the gradient of the steepest. */
static void quantize_cubes(const MhoDescriptor *descriptor, const void *params, double *error, double *gradient)
{
    enum { N_CUBES = 101 };
    const MhoQuantizer *quantizer = (const MhoQuantizer *)(const void *)descriptor; /* its first member */
    double scratch[2 * N_CUBES];
    const MhoQuantShape shape = {
        .bits = 3, .is_signed = true, .channels = 1, .per_channel = N_CUBES, .scratch = scratch};
    float x[N_CUBES], codes[N_CUBES], d_value[N_CUBES], d_x[N_CUBES], log_scale, d_log_scale = 0.0F;
    for (int i = 0; i < N_CUBES; i++) {
        const float u = (float)(i - N_CUBES / 2) / 50.0F;
        x[i] = u * u * u;
        d_value[i] = 1.0F;
    }
    quantizer->fit(params, shape, x, &log_scale);
    quantizer->encode(params, shape, x, &log_scale, NULL, codes);
    quantizer->gradient(params, shape, x, &log_scale, d_value, d_x, &d_log_scale);
    *error = 0.0;
    for (int i = 0; i < N_CUBES; i++) {
        const double e = (double)x[i] - exp((double)log_scale) * (double)codes[i] / 32639.0;
        *error += e * e / N_CUBES;
    }
    *gradient = (double)d_x[0];
}

/* The outermost weight is less probable than its level: the chain makes its gradient less. */
static bool chains_gradient(const MhoDescriptor *descriptor, const void *params, double on)
{
    double error, gradient;
    quantize_cubes(descriptor, params, &error, &gradient);
    return on > 0.5 ? gradient < 0.5 && gradient > 0.0 : gradient == 1.0;
}

/* Lloyd lowers the error: 0.0114 at the quantiles, 0.0041 after ten iterations. */
static bool iterates(const MhoDescriptor *descriptor, const void *params, double on)
{
    double error, gradient;
    quantize_cubes(descriptor, params, &error, &gradient);
    return (error < 0.005) == (on >= 10.0);
}

/* A tensor of ten sizes 1 .. 10 and zeros: the range that holds 80 % of the sizes is 8. */
static bool keeps_share(const MhoDescriptor *descriptor, const void *params, double on)
{
    const MhoQuantizer *quantizer = (const MhoQuantizer *)(const void *)descriptor; /* its first member */
    double scratch[2 * 20];
    const MhoQuantShape shape = {.bits = 4, .is_signed = true, .channels = 1, .per_channel = 20, .scratch = scratch};
    float x[20] = {0}, log_scale;
    for (int i = 0; i < 10; i++)
        x[2 * i] = (i % 2 ? -1.0F : 1.0F) * (float)(10 - i);
    quantizer->fit(params, shape, x, &log_scale);
    return is_close(exp((double)log_scale), on / 10.0, 1e-5);
}

/* Calibration is told to hold 99.9 % of the values. */
static bool ranges_by_share(const MhoDescriptor *descriptor, const void *params, double on)
{
    const MhoQuantizer *quantizer = (const MhoQuantizer *)(const void *)descriptor; /* its first member */
    const MhoRangeFit fit = quantizer->range(params, 8);
    (void)on;
    return fit.rule == MHO_FIT_PERCENTILE && is_close(fit.value, 0.999, 1e-12);
}

enum { N_NORMALS = 512, NORMAL_BITS = 3 };

static MhoQuantShape normal_shape(double *scratch)
{
    return (MhoQuantShape){
        .bits = NORMAL_BITS, .is_signed = true, .channels = 1, .per_channel = N_NORMALS, .scratch = scratch};
}

/* Noise within half a bin, 1/16 of probability, or beyond. */
static bool widens_noise(const MhoDescriptor *descriptor, const void *params, double on)
{
    const MhoQuantizer *quantizer = (const MhoQuantizer *)(const void *)descriptor; /* its first member */
    static double scratch[N_NORMALS];
    float x[N_NORMALS], noisy[N_NORMALS];
    double most = 0.0, mean = 0.0, sd = 0.0;
    mho_normal_fill((MhoStream){.seed = 4, .noise = 1.0F}, MHO_DRAW_TEST, N_NORMALS, x);
    quantizer->inject(params, normal_shape(scratch), x, NULL, (MhoStream){.seed = 2}, noisy, NULL);
    for (int i = 0; i < N_NORMALS; i++)
        mean += (double)x[i] / N_NORMALS;
    for (int i = 0; i < N_NORMALS; i++)
        sd += ((double)x[i] - mean) * ((double)x[i] - mean) / (N_NORMALS - 1);
    sd = sqrt(sd);
    for (int i = 0; i < N_NORMALS; i++)
        most = fmax(most, 0.5 * fabs(erf(((double)noisy[i] - mean) / sd * sqrt(0.5)) -
                                     erf(((double)x[i] - mean) / sd * sqrt(0.5))));
    return on > 0.5 ? most > 1.8 / 16.0 && most < 2.001 / 16.0 : most < 1.001 / 16.0;
}

/* Noisy values of normal weights at 3 bits end where the levels do, or go on. */
static bool ends_noise(const MhoDescriptor *descriptor, const void *params, double on)
{
    const MhoQuantizer *quantizer = (const MhoQuantizer *)(const void *)descriptor; /* its first member */
    static double scratch[N_NORMALS];
    float x[N_NORMALS], noisy[N_NORMALS], log_scale;
    double most = 0.0;
    mho_normal_fill((MhoStream){.seed = 4, .noise = 1.0F}, MHO_DRAW_TEST, N_NORMALS, x);
    quantizer->fit(params, normal_shape(scratch), x, &log_scale);
    quantizer->inject(params, normal_shape(scratch), x, NULL, (MhoStream){.seed = 2}, noisy, NULL);
    for (int i = 0; i < N_NORMALS; i++)
        most = fmax(most, fabs((double)noisy[i]) / exp((double)log_scale));
    return on > 0.5 ? most < 1.0001 : most > 1.2;
}

/* Levels of skewed weights are used equally often, or not. */
static bool follows_order(const MhoDescriptor *descriptor, const void *params, double on)
{
    const MhoQuantizer *quantizer = (const MhoQuantizer *)(const void *)descriptor; /* its first member */
    static double scratch[N_NORMALS];
    float x[N_NORMALS], codes[N_NORMALS], log_scale;
    bool equal = true;
    mho_normal_fill((MhoStream){.seed = 4, .noise = 1.0F}, MHO_DRAW_TEST, N_NORMALS, x);
    for (int i = 0; i < N_NORMALS; i++)
        x[i] = expf(x[i]);
    quantizer->fit(params, normal_shape(scratch), x, &log_scale);
    quantizer->encode(params, normal_shape(scratch), x, &log_scale, NULL, codes);
    for (int i = 0; i < N_NORMALS; i++) {
        int alike = 0;
        for (int k = 0; k < N_NORMALS; k++)
            alike += codes[k] == codes[i];
        equal = equal && alike == N_NORMALS / (1 << NORMAL_BITS);
    }
    return equal == (on > 0.5);
}

/* The largest of 3 levels above zero is the normal quantile at 1 - 1/12 of so many root mean squares. */
static bool spreads_levels(const MhoDescriptor *descriptor, const void *params, double on)
{
    const MhoQuantizer *quantizer = (const MhoQuantizer *)(const void *)descriptor; /* its first member */
    const MhoQuantShape shape = {.bits = 2, .is_signed = false, .channels = 1, .per_channel = 4};
    const float x[4] = {-5.0F, 0.0F, 1.0F, 7.0F};
    float log_scale;
    quantizer->fit(params, shape, x, &log_scale);
    return is_close(exp((double)log_scale), on * 1.3829941 * 5.0, 1e-5) &&
           is_close(quantizer->range(params, 2).value, on * 1.3829941, 1e-6);
}

static bool fits_largest(const MhoDescriptor *descriptor, const void *params, double on)
{
    MhoSettings *settings = settings_of(descriptor, params);
    Sample sample;
    (void)on;
    sample_open(&sample);
    tiny_set(settings, "quant.weight.scale", "per_tensor");
    MhoNet *net = quantized_after(&sample, settings);
    const bool holds = weight_ranges_are_largest(net) && activation_range_is_largest(&sample, net);
    mho_net_destroy(net);
    sample_close(&sample);
    return holds;
}

/* Weights start on the range of their largest value, or on 1. */
static bool fixes_weight_range(const MhoDescriptor *descriptor, const void *params, double on)
{
    MhoSettings *settings = settings_of(descriptor, params);
    Sample sample;
    sample_open(&sample);
    MhoNet *net = quantized_after(&sample, settings);
    const MhoNodeArray *scale = mho_node_array(&net->nodes[mho_net_find(net, "conv1")], MHO_ARRAY_LOG_SCALE);
    bool unit = true;
    for (size_t k = 0; k < scale->n; k++)
        unit = unit && scale->value[k] == 0.0F;
    const bool holds = on > 0.5 ? unit : weight_ranges_are_largest(net);
    mho_net_destroy(net);
    sample_close(&sample);
    return holds;
}

/* Bits are refused where nothing would come of them: all layers of a quantized net have others, or one has. */
static bool refuses_bits(const MhoDescriptor *descriptor, const void *params, double on)
{
    MhoSettings *first = tiny_settings(), *asked = tiny_settings();
    Sample sample;
    MhoNet *mixed;
    MhoError error = {0};
    bool refused = true;
    (void)descriptor, (void)on;
    must(mho_settings_set(first, "quant.weight.bits", "2", NULL, &error), &error);
    must(mho_settings_set(first, "quant.activation.bits", "4", NULL, &error), &error);
    tiny_put(asked, "quant.", &mho_quant_descriptor, params);
    sample_open(&sample);
    MhoNet *net = quantized_after(&sample, first);
    int *bits = calloc(net->n_nodes, sizeof *bits);
    ck_assert_ptr_nonnull(bits);
    bits[mho_net_find(net, "conv1")] = 3;
    must(mho_net_with_bits(net, bits, NULL, &mixed, &error), &error);
    MhoNet **const nets[] = {&net, &mixed};
    for (int i = 0; i < 2; i++)
        refused = refused && mho_model_quantize(asked, &sample.training, 1, NULL, nets[i], &error) == MHO_USAGE;
    free(bits);
    mho_net_destroy(mixed);
    mho_net_destroy(net);
    mho_settings_destroy(asked);
    sample_close(&sample);
    return refused;
}

static const Switch switches[] = {
    {"quant", "weight.name", "fqconv fit=maximum", "fqconv", names_weight_policy, NULL},
    {"quant", "activation.name", "fqconv fit=maximum", "fqconv", names_activation_policy, "weight.scale=per_tensor"},
    {"quant", "weight.bits", "3", "4", codes_weights, "activation.bits=4"},
    {"quant", "activation.bits", "3", "4", codes_activations, "weight.bits=4"},
    {"quant", "weight.bits", "3", "2", refuses_bits, NULL},
    {"quant", "weight.scale", "per_tensor", "per_channel", scales_weights, NULL},
    {"quant", "weight.scale", "per_channel", "per_tensor", scales_weights, NULL},
    {"quant", "shift", "row", "none", keeps_shift, NULL},
    {"quantizer.fqconv", "gradient", "straight", "clipped", passes_gradient, NULL},
    {"quantizer.fqconv", "gradient", "clipped", "straight", passes_gradient, NULL},
    {"quantizer.fqconv", "fit", "maximum", "mse", fits_largest, NULL},
    {"quantizer.uniform", "range", "maximum", "mse", fits_largest, NULL},
    {"quantizer.uniform", "range", "percentile", "maximum", ranges_by_share, NULL},
    {"quantizer.uniform", "percentile", "80", "100", keeps_share, "range=percentile"},
    {"quantizer.dorefa", "range", "maximum", "unit", fixes_weight_range, NULL},
    {"quantizer.dorefa", "range", "unit", "maximum", fixes_weight_range, NULL},
    {"quantizer.uniq", "gradient", "exact", "straight", chains_gradient, NULL},
    {"quantizer.uniq", "gradient", "straight", "exact", chains_gradient, NULL},
    {"quantizer.uniq", "noise", "full", "half", widens_noise, NULL},
    {"quantizer.uniq", "noise", "half", "full", widens_noise, NULL},
    {"quantizer.uniq", "tails", "levels", "free", ends_noise, NULL},
    {"quantizer.uniq", "tails", "free", "levels", ends_noise, NULL},
    {"quantizer.uniq", "cdf", "empirical", "gaussian", follows_order, NULL},
    {"quantizer.uniq", "cdf", "gaussian", "empirical", follows_order, NULL},
    {"quantizer.uniq", "activation_sigma", "2", "3", spreads_levels, NULL},
    {"quantizer.kmeans", "iterations", "10", "0", iterates, NULL},
};

static const MhoDescriptor *const tables[] = {&mho_quant_descriptor, NULL};
static const MhoRegistry *const registries[] = {&mho_quantizer_registry, NULL};
const SwitchBook book = {
    .rows = switches, .n_rows = sizeof switches / sizeof *switches, .registries = registries, .tables = tables};

int test_main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    omp_set_num_threads(1); /* many small passes: waking threads would take longer than the work */
    const int code = tiny_enter() ? test_run() : 1;

    tiny_leave();
    return code;
}
