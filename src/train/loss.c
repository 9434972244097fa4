/* loss.c - cross entropy with smoothed labels and a teacher's soft targets, with its gradient. */
#include "kernels/math.h"
#include "train/train_internal.h"

enum { MAX_CLASSES = 256 };

/* p (classes) = softmax(logits / T); returns log of the sum: log p_k = logits_k / T - *shift - log_sum. */
static double softmax(int classes, const float *logits, double temperature, double *p, double *shift)
{
    double most = (double)logits[0], sum = 0.0;
    for (int k = 1; k < classes; k++)
        most = (double)logits[k] > most ? (double)logits[k] : most;
    *shift = most / temperature;
    for (int k = 0; k < classes; k++) {
        p[k] = mho_exp((double)logits[k] / temperature - *shift);
        sum += p[k];
    }
    for (int k = 0; k < classes; k++)
        p[k] /= sum;
    return mho_ln(sum);
}

/* Cross entropy of one image; d (classes) = p - q. */
static double label_loss(const MhoLoss *loss, int classes, const float *logits, int label, double *d)
{
    double shift, sum = 0.0;
    const double log_sum = softmax(classes, logits, 1.0, d, &shift);
    const double rest = loss->label_smoothing / classes;
    for (int k = 0; k < classes; k++) {
        const double q = rest + (k == label ? 1.0 - loss->label_smoothing : 0.0);
        sum -= q * ((double)logits[k] - shift - log_sum);
        d[k] -= q;
    }
    return sum;
}

/* T^2 KL(teacher || net) of one image; d (classes) = T (p - teacher's p). */
static double teacher_loss(const MhoLoss *loss, int classes, const float *logits, const float *teacher, double *d)
{
    double target[MAX_CLASSES], shift, target_shift, sum = 0.0;
    const double temperature = loss->temperature;
    const double log_sum = softmax(classes, logits, temperature, d, &shift);
    const double target_log_sum = softmax(classes, teacher, temperature, target, &target_shift);
    for (int k = 0; k < classes; k++) {
        const double log_p = (double)logits[k] / temperature - shift - log_sum;
        const double log_target = (double)teacher[k] / temperature - target_shift - target_log_sum;
        sum += target[k] * (log_target - log_p);
        d[k] = temperature * (d[k] - target[k]);
    }
    return temperature * temperature * sum;
}

static bool is_hit(int classes, const float *logits, int label)
{
    int best = 0;
    for (int k = 1; k < classes; k++)
        best = logits[k] > logits[best] ? k : best;
    return best == label;
}

double mho_loss(const MhoLoss *loss, size_t n, int classes, const float *logits, const uint8_t *labels,
                const float *teacher, float *d_logits, size_t *hits)
{
    const double w = loss->distill;
    double d[MAX_CLASSES], d_soft[MAX_CLASSES] = {0}, sum = 0.0;
    *hits = 0;
    for (size_t i = 0; i < n; i++) {
        const float *row = logits + i * (size_t)classes;
        double one = (1.0 - w) * label_loss(loss, classes, row, labels[i], d);
        if (w > 0.0)
            one += w * teacher_loss(loss, classes, row, teacher + i * (size_t)classes, d_soft);
        for (int k = 0; d_logits && k < classes; k++)
            d_logits[i * (size_t)classes + (size_t)k] = (float)(((1.0 - w) * d[k] + w * d_soft[k]) / (double)n);
        sum += one;
        *hits += is_hit(classes, row, labels[i]);
    }
    return sum / (double)n;
}
