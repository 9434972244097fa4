/* model_file.c - models as files: load, train into, quantize after training. */
#include "net/calibrate/calibrate.h"
#include "study/models/model_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/transform/bits.h"
#include "net/lowered/executor.h"
#include "net/transform/transform.h"
#include "store/store.h"
#include "study/keys/study.h"

enum { PATH_MAX_BYTES = 4096 };

MhoStatus mho_make_folders(const char *path, MhoError *error)
{
    char folder[PATH_MAX_BYTES];
    if (strlen(path) >= sizeof folder)
        return mho_fail(error, MHO_USAGE, "%s: the path is too long", path);
    snprintf(folder, sizeof folder, "%s", path);
    for (char *at = strchr(folder + 1, '/'); at; at = strchr(at + 1, '/')) {
        *at = '\0';
        if (mkdir(folder, 0777) != 0 && errno != EEXIST)
            return mho_fail(error, MHO_IO, "%s: cannot make this folder: %s", folder, strerror(errno));
        *at = '/';
    }
    return MHO_OK;
}

MhoStatus mho_check_writable(const char *path, MhoError *error)
{
    char folder[PATH_MAX_BYTES];
    const char *slash = strrchr(path, '/');
    int n = slash ? snprintf(folder, sizeof folder, "%.*s", slash == path ? 1 : (int)(slash - path), path)
                  : snprintf(folder, sizeof folder, ".");
    if (n < 0 || (size_t)n >= sizeof folder)
        return mho_fail(error, MHO_USAGE, "%s: the path is too long", path);
    if (access(folder, W_OK) != 0)
        return mho_fail(error, MHO_IO, "%s: cannot write here: %s; choose another place for it", path, strerror(errno));
    return MHO_OK;
}

MhoStatus mho_model_load(const char *path, MhoNet **net, char digest[65], MhoError *error)
{
    MhoRecord *record = NULL;
    MhoStatus status = mho_store_read(path, false, &record, error);
    const char *kind = status == MHO_OK ? mho_attribute_string(&record->attributes, "kind") : NULL;
    if (kind && strcmp(kind, "result") == 0)
        status = mho_fail(error, MHO_INPUT, "%s: this is the result of a sweep, and a model is wanted here", path);
    if (status == MHO_OK)
        status = mho_net_from_record(record, path, net, error);
    if (status == MHO_OK)
        status = mho_record_digest(record, digest, error);
    mho_record_destroy(record);
    return status;
}

MhoStatus mho_model_ensure(const MhoSettings *settings, const MhoModelOptions *options, MhoNet **net, char digest[65],
                           MhoError *error)
{
    char path[PATH_MAX_BYTES];
    *net = NULL;
    MhoStatus status = mho_model_path(settings, path, sizeof path, error);
    if (status == MHO_OK && options->may_train)
        status = mho_model_train(settings, options, path, NULL, error);
    else if (status == MHO_OK && access(path, F_OK) != 0)
        status = mho_fail(error, MHO_INPUT,
                          "model %s: no such file, and the study has no train: section to make it; give one, name "
                          "another model with --set model=FILE, or run `mho train`",
                          path);
    return status == MHO_OK ? mho_model_load(path, net, digest, error) : status;
}

static MhoStatus refuse_bits(const char *kind, const char *layer, int has, MhoError *error)
{
    return mho_fail(error, MHO_USAGE,
                    "quant.%s.bits: the model is quantized and %s has %d-bit %ss; only a float model takes bits after "
                    "training: choose them in train.stages",
                    kind, layer, has, kind);
}

/* A quantized net has the bits it was trained with: asking it for others would do nothing. */
static MhoStatus check_bits(const MhoNet *net, const MhoQuantParams *quant, MhoError *error)
{
    MhoBitUnit *units = NULL;
    size_t n = 0;
    MhoStatus status = mho_net_bit_units(net, &units, &n, error);
    for (size_t l = 0; l < n && status == MHO_OK; l++) {
        const MhoNode *layer = &net->nodes[units[l].layer];
        const int bits = mho_node_conv(layer)->bits;
        if (quant->weight_bits != 0 && bits != quant->weight_bits)
            status = refuse_bits("weight", layer->name, bits, error);
        for (int k = 0; k < units[l].n_quantizers && status == MHO_OK; k++) {
            const MhoNode *node = &net->nodes[units[l].quantizers[k]];
            const int codes = mho_node_fake_quant(node)->bits;
            if (quant->activation_bits != 0 && codes != quant->activation_bits)
                status = refuse_bits("activation", node->name, codes, error);
        }
    }
    free(units);
    return status;
}

MhoStatus mho_model_quantize(const MhoSettings *settings, const MhoDataset *calibration, int threads, const MhoLog *log,
                             MhoNet **net, MhoError *error)
{
    MhoQuantParams quant;
    MhoStatus status = mho_settings_policies(settings, &quant, error);
    if (status != MHO_OK)
        return status;
    if (mho_net_is_quantized(*net))
        return check_bits(*net, &quant, error);
    if (quant.weight_bits == 0 || quant.activation_bits == 0)
        return mho_fail(
            error, MHO_USAGE,
            "the model is float; a chip needs codes: --set quant.weight.bits=8 --set "
            "quant.activation.bits=8 quantizes it after training, or train one with a quantized stage (train.stages)");
    MhoQuantPlan plan = {
        .weight_bits = quant.weight_bits, .activation_bits = quant.activation_bits, .scale = quant.scale};
    memcpy(plan.weight_policy, quant.weight_name, sizeof plan.weight_policy);
    memcpy(plan.activation_policy, quant.activation_name, sizeof plan.activation_policy);
    MhoNet *quantized = NULL;
    status = mho_net_quantize(*net, &plan, &quantized, error);
    if (status == MHO_OK)
        status = mho_net_fit_weights(quantized, error);
    if (status == MHO_OK)
        status = mho_net_calibrate(quantized, calibration->images, calibration->n, threads, error);
    if (status != MHO_OK) {
        mho_net_destroy(quantized);
        return status;
    }
    mho_log(log, MHO_LOG_INFO,
            "quantized after training: %d-bit weights, %d-bit activations, ranges from %zu training images",
            quant.weight_bits, quant.activation_bits, calibration->n);
    mho_net_destroy(*net);
    *net = quantized;
    return MHO_OK;
}
