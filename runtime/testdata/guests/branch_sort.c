// Quicksort and heapsort of random numbers: comparisons no predictor can guess.
#include "bench.h"

#define N 100000

static uint32_t a[N];

static void swap(uint32_t i, uint32_t j) {
    uint32_t t = a[i];
    a[i] = a[j], a[j] = t;
}

static void quicksort(int low, int high) {
    while (low < high) {
        uint32_t pivot = a[low + (high - low) / 2];
        int i = low, j = high;
        while (i <= j) {
            while (a[i] < pivot) i++;
            while (a[j] > pivot) j--;
            if (i <= j) swap((uint32_t)i++, (uint32_t)j--);
        }
        quicksort(low, j);
        low = i;
    }
}

static void sift(uint32_t at, uint32_t n) {
    for (uint32_t child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && a[child] < a[child + 1]) child++;
        if (a[at] >= a[child]) return;
        swap(at, child);
    }
}

static void heapsort_all(void) {
    for (uint32_t i = N / 2; i--;) sift(i, N);
    for (uint32_t n = N - 1; n; n--) {
        swap(0, n);
        sift(0, n);
    }
}

int main(int argc, char **argv) {
    uint64_t sum = 0;
    for (uint32_t n = rounds(argc, argv, 5); n; n--) {
        for (int i = 0; i < N; i++) a[i] = next_random();
        if (n % 2) quicksort(0, N - 1);
        else heapsort_all();
        for (int i = 1; i < N; i++)
            if (a[i - 1] > a[i]) return 1;
        sum = mix(sum, a[N / 2]);
    }
    return finish(sum);
}
