/* run_nets.c - one small run of a quantizer and of a layer kind. */
#include <check.h>
#include <math.h>
#include <string.h>

#include "kernels/random.h"
#include "net/fakequant/fakequant_internal.h"
#include "runs.h"

enum { CHANNELS = 2, PER_CHANNEL = 21, N_VALUES = CHANNELS * PER_CHANNEL, MOST_BITS = 16 };

/* Whole codes in range; noise of nothing changes none, noise beyond the range clips. */
static void encode_values(const MhoQuantizer *quantizer, const void *params, MhoQuantShape shape, const float *x,
                          const float *log_scale, Trace *trace)
{
    const int n = quantizer->full_scale(params, shape.bits, shape.is_signed);
    float codes[N_VALUES], again[N_VALUES], noise[N_VALUES] = {0};
    quantizer->encode(params, shape, x, log_scale, NULL, codes);
    quantizer->encode(params, shape, x, log_scale, noise, again);
    ck_assert_mem_eq(codes, again, sizeof codes);
    for (size_t i = 0; i < N_VALUES; i++) {
        ck_assert(codes[i] == rintf(codes[i]) && codes[i] >= (float)(shape.is_signed ? -n : 0) && codes[i] <= (float)n);
        ck_assert(quantizer->nonuniform || x[i] == 0.0F || codes[i] * x[i] >= 0.0F);
        noise[i] = 4.0F * (float)n;
    }
    trace_add_floats(trace, N_VALUES, codes);
    quantizer->encode(params, shape, x, log_scale, noise, again);
    for (size_t i = 0; i < N_VALUES; i++) {
        ck_assert(again[i] > codes[i] || again[i] == (quantizer->nonuniform ? again[i - i % PER_CHANNEL] : (float)n));
    }
}

/* d_x is overwritten, d_log_scale is added to. */
static void differentiate(const MhoQuantizer *quantizer, const void *params, MhoQuantShape shape, const float *x,
                          const float *log_scale, Trace *trace)
{
    float d_value[N_VALUES], d_x[N_VALUES], once[CHANNELS] = {0}, twice[CHANNELS] = {0};
    for (size_t i = 0; i < N_VALUES; i++) {
        d_value[i] = (float)((int)(i % 7) - 3);
        d_x[i] = NAN;
    }
    quantizer->gradient(params, shape, x, log_scale, d_value, d_x, once);
    quantizer->gradient(params, shape, x, log_scale, d_value, d_x, twice);
    quantizer->gradient(params, shape, x, log_scale, d_value, d_x, twice);
    for (size_t k = 0; k < shape.channels; k++) {
        ck_assert(twice[k] == 2.0F * once[k]);
    }
    trace_add_floats(trace, N_VALUES, d_x);
    trace_add_floats(trace, shape.channels, once);
}

void run_quantizer(const MhoDescriptor *descriptor, const void *params, Trace *trace)
{
    const MhoQuantizer *quantizer = (const MhoQuantizer *)(const void *)descriptor; /* its first member */
    const MhoStream stream = {.seed = 3, .noise = 1.0F};
    float x[N_VALUES];
    double scratch[2 * PER_CHANNEL];
    ck_assert_uint_le(quantizer->scratch * PER_CHANNEL, sizeof scratch);
    ck_assert(quantizer->min_bits >= 1 && quantizer->min_bits <= quantizer->max_bits &&
              quantizer->max_bits <= MOST_BITS);
    mho_normal_fill(stream, MHO_DRAW_TEST, N_VALUES, x);
    x[PER_CHANNEL] = 0.0F;
    for (int bits = quantizer->min_bits; bits <= quantizer->max_bits; bits++) {
        if (quantizer->range != NULL) {
            trace_add(trace, quantizer->range(params, bits).value);
        }
        for (int is_signed = 1; is_signed >= (quantizer->nonuniform && !quantizer->table ? 1 : 0); is_signed--) {
            const MhoQuantShape shape = {bits, is_signed, CHANNELS, PER_CHANNEL, scratch};
            float log_scale[CHANNELS];
            ck_assert_int_eq(quantizer->full_scale(params, bits, is_signed),
                             !is_signed && quantizer->table               ? 255
                             : quantizer->nonuniform                      ? 32639
                             : is_signed && !quantizer->normalizes_signed ? (1 << (bits - 1)) - 1
                                                                          : (1 << bits) - 1);
            quantizer->fit(params, shape, x, log_scale);
            trace_add_floats(trace, CHANNELS, log_scale);
            encode_values(quantizer, params, shape, x, log_scale, trace);
            differentiate(quantizer, params, shape, x, log_scale, trace);
        }
    }
}

/* Named once, of the size that their axes make, without memory. */
static void check_arrays(const MhoNodeArray *arrays, size_t n, Trace *trace)
{
    ck_assert_uint_le(n, MHO_NODE_MAX_ARRAYS);
    for (size_t a = 0; a < n; a++) {
        size_t values = 1;
        ck_assert(arrays[a].name[0] != '\0' && arrays[a].value == NULL);
        ck_assert(arrays[a].rank >= 1 && arrays[a].rank <= 4);
        for (size_t i = 0; i < arrays[a].rank; i++) {
            ck_assert_uint_gt(arrays[a].shape[i], 0);
            values *= arrays[a].shape[i];
        }
        ck_assert_uint_eq(arrays[a].n, values);
        ck_assert(arrays[a].learned || !arrays[a].decayed);
        for (size_t other = 0; other < a; other++) {
            ck_assert_str_ne(arrays[a].name, arrays[other].name);
        }
        trace_add(trace, (double)arrays[a].n);
    }
}

/* Shapes that a layer takes are traced; a refusal has a reason. One at least fits every setting that is allowed. */
void run_layer(const MhoDescriptor *descriptor, const void *params, Trace *trace)
{
    static const MhoShape shapes[] = {{1, 1, 1}, {5, 4, 6}, {8, 8, 65536}, {4096, 4096, 1}};
    const MhoLayer *layer = (const MhoLayer *)(const void *)descriptor; /* its first member */
    size_t n_taken = 0;
    ck_assert(layer->n_inputs >= 0 && layer->n_inputs <= MHO_NODE_MAX_INPUTS);
    ck_assert_uint_le(descriptor->params_size, MHO_LAYER_SETTINGS_MAX);
    ck_assert(layer->shape != NULL && mho_fakequant_layer(layer) != NULL);
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        const MhoShape inputs[MHO_NODE_MAX_INPUTS] = {shapes[s], shapes[s]};
        MhoNodeArray arrays[MHO_NODE_MAX_ARRAYS];
        MhoShape out = {0};
        MhoError error = {0};
        if (layer->shape(params, inputs, &out, &error) != MHO_OK) {
            ck_assert(error.status == MHO_USAGE && error.text[0] != '\0');
            continue;
        }
        n_taken++;
        ck_assert(out.h > 0 && out.w > 0 && out.c > 0);
        trace_add(trace, out.h);
        trace_add(trace, out.w);
        trace_add(trace, out.c);
        memset(arrays, 0, sizeof arrays);
        check_arrays(arrays, layer->arrays != NULL ? layer->arrays(params, inputs, arrays) : 0, trace);
    }
    ck_assert_uint_ge(n_taken, 1);
}
