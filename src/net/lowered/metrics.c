/* metrics.c - top-1 hits and mean cross entropy of logits, loss = ln sum_k e^(z_k - z_max) - (z_label - z_max), in
 * image order. */
#include <math.h>

#include "kernels/math.h"
#include "net/lowered/executor.h"

int mho_logits_top1(const float *logits, int n)
{
    int largest = 0;
    for (int k = 1; k < n; k++)
        if (logits[k] > logits[largest])
            largest = k;
    return largest;
}

static double cross_entropy(const float *logits, int n_classes, int label, int largest)
{
    const double most = (double)logits[largest];
    double sum = 0.0;
    for (int k = 0; k < n_classes; k++)
        sum += mho_exp((double)logits[k] - most);
    return mho_ln(sum) - ((double)logits[label] - most);
}

void mho_logits_score(const float *logits, const uint8_t *labels, size_t n, int n_classes, size_t *hits, double *loss)
{
    double sum = 0.0;
    *hits = 0;
    for (size_t i = 0; i < n; i++) {
        const float *image = logits + i * (size_t)n_classes;
        const int largest = mho_logits_top1(image, n_classes);
        *hits += largest == labels[i] ? 1 : 0;
        sum += labels[i] < n_classes ? cross_entropy(image, n_classes, labels[i], largest) : (double)INFINITY;
    }
    *loss = n > 0 ? sum / (double)n : 0.0;
}
