// Local 2-D relative attention on the CPU, forwards and backwards.
//
// Each image and head is computed by one thread. Its keys, values and queries are packed into
// planes, one a channel, whose rows follow each other with `radius` zeros between them: then the
// key at (dy, dx) of the window lies dy * pitch + dx after its query for all queries alike, and a
// vector holds as many consecutive queries, over the ends of rows if need be. What is off the map
// is masked through the logits of position, of which there are 2 k a query, not k^2.
//
// Logits are to base 2: the queries are packed times scale * log2(e). The backward pass computes
// the probabilities again from the log-sum-exp, and keeps them and the slopes of the logits for the
// queries of one image and head, so that keys and values gather what the queries owe them.
//
// Legend: d key width, e value width, k extent, s = k^2 positions of the window, row by row; a
// place is the index of a pixel in a plane.

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <memory>
#include <new>
#include <vector>

namespace {

#if defined(__AVX512F__)
constexpr int kVectorBytes = 64;
#elif defined(__AVX__)
constexpr int kVectorBytes = 32;
#else
constexpr int kVectorBytes = 16;
#endif

template <typename T>
struct Simd;

template <>
struct Simd<float> {
  typedef float Vector __attribute__((vector_size(kVectorBytes)));
  typedef float Unaligned __attribute__((vector_size(kVectorBytes), aligned(4), may_alias));
  typedef int32_t Integers __attribute__((vector_size(kVectorBytes)));
  static constexpr int kLanes = kVectorBytes / 4;
  static constexpr int kMantissaBits = 23, kExponentBias = 127, kDegree = 7;
};

template <>
struct Simd<double> {
  typedef double Vector __attribute__((vector_size(kVectorBytes)));
  typedef double Unaligned __attribute__((vector_size(kVectorBytes), aligned(8), may_alias));
  typedef int64_t Integers __attribute__((vector_size(kVectorBytes)));
  static constexpr int kLanes = kVectorBytes / 8;
  static constexpr int kMantissaBits = 52, kExponentBias = 1023, kDegree = 13;
};

constexpr double kLn2 = 0.693147180559945309417;
constexpr double kOutOfReach = -1e30;  // a logit that leaves no probability
constexpr int kChannelsAtOnce = 8;     // of a weighted sum: accumulators in registers
constexpr int kMaxExtent = 31;

template <typename T>
using Vector = typename Simd<T>::Vector;

template <typename T>
inline Vector<T> load(const T* p) {
  return *reinterpret_cast<const typename Simd<T>::Unaligned*>(p);
}

template <typename T>
inline void store(T* p, Vector<T> v) {
  *reinterpret_cast<typename Simd<T>::Unaligned*>(p) = v;
}

template <typename T>
inline Vector<T> splat(T value) {
  return Vector<T>{} + value;
}

template <typename T>
inline Vector<T> larger(Vector<T> a, Vector<T> b) {
  return a > b ? a : b;
}

// 2^x for x <= 0 or little above; 0 where the result would not be a normal number. What is not a
// number stays so: training that diverges must be seen.
template <typename T>
inline Vector<T> exp2(Vector<T> x) {
  using S = Simd<T>;
  constexpr T least = T(1 - S::kExponentBias);
  constexpr T rounding = T(3) * T(int64_t(1) << (S::kMantissaBits - 1));
  const Vector<T> safe = larger<T>(splat<T>(least), x);  // the second, if it is not a number
  const Vector<T> shifted = safe + rounding;
  const Vector<T> fraction = safe - (shifted - rounding);  // in [-1/2, 1/2]
  T coefficient[S::kDegree + 1];  // of the Taylor series: its error is below the type's
  coefficient[0] = 1;
  for (int i = 1; i <= S::kDegree; ++i) coefficient[i] = T(coefficient[i - 1] * kLn2 / i);
  Vector<T> power = splat<T>(coefficient[S::kDegree]);
  for (int i = S::kDegree - 1; i >= 0; --i) power = power * fraction + coefficient[i];
  typename S::Integers exponent = (typename S::Integers)shifted -
                                  (typename S::Integers)splat<T>(rounding) + S::kExponentBias;
  const Vector<T> whole = (Vector<T>)(exponent << S::kMantissaBits);
  return x < least ? Vector<T>{} : power * whole;
}

struct Map5 {  // [B, h, channels, H, W] by strides in elements
  void* data;
  int64_t stride[5];
};

struct Call {
  int64_t batch, heads, key_width, value_width, height, width, extent;
  int64_t border_zeros, threads;
  int64_t table_heads, row_width, column_width;  // widths are 0 without positions
  int64_t columns_from;                          // the first channel of q that meets them
  double scale;
  Map5 q, k, v, out, lse, grad_out, grad_q, grad_k, grad_v;  // k.data is null without content
  void *rows, *columns;                                      // [table_heads, k, width]
  void *grad_rows, *grad_columns;                            // [B, h, k, width]
};

// Where the pixels of a map are in a plane.
struct Geometry {
  int64_t height, width, radius, pitch, margin, places, rounded;

  template <typename T>
  static Geometry of(const Call& call) {
    constexpr int64_t lanes = Simd<T>::kLanes;
    Geometry g;
    g.height = call.height;
    g.width = call.width;
    g.radius = call.extent / 2;
    g.pitch = g.width + g.radius;
    g.places = (g.height - 1) * g.pitch + g.width;  // from the first pixel to the last
    g.rounded = (g.places + lanes - 1) / lanes * lanes;
    g.margin = (g.radius * g.pitch + g.radius + lanes) / lanes * lanes;  // zeros on both sides
    return g;
  }
  int64_t plane() const { return rounded + 2 * margin; }
};

template <typename T>
const T* at(const Map5& map, int64_t b, int64_t h) {
  return static_cast<const T*>(map.data) + b * map.stride[0] + h * map.stride[1];
}

template <typename T>
void pack(const Map5& map, int64_t b, int64_t h, int64_t channels, const Geometry& g, T factor,
          T* planes) {
  for (int64_t c = 0; c < channels; ++c)
    for (int64_t y = 0; y < g.height; ++y) {
      const T* from = at<T>(map, b, h) + c * map.stride[2] + y * map.stride[3];
      T* to = planes + c * g.plane() + g.margin + y * g.pitch;
      if (map.stride[4] == 1)
        for (int64_t x = 0; x < g.width; ++x) to[x] = from[x] * factor;
      else
        for (int64_t x = 0; x < g.width; ++x) to[x] = from[x * map.stride[4]] * factor;
    }
}

template <typename T>
void unpack(const T* planes, const Map5& map, int64_t b, int64_t h, int64_t channels,
            const Geometry& g, T factor) {
  for (int64_t c = 0; c < channels; ++c)
    for (int64_t y = 0; y < g.height; ++y) {
      const T* from = planes + c * g.plane() + g.margin + y * g.pitch;
      T* to = const_cast<T*>(at<T>(map, b, h)) + c * map.stride[2] + y * map.stride[3];
      if (map.stride[4] == 1)
        for (int64_t x = 0; x < g.width; ++x) to[x] = from[x] * factor;
      else
        for (int64_t x = 0; x < g.width; ++x) to[x * map.stride[4]] = from[x] * factor;
    }
}

// For all queries of a vector: sum over channels of query times key, at `count` keys side by side.
template <typename T, int N>
void products(const T* queries, const T* keys, int64_t channels, int64_t plane, Vector<T>* sums) {
  Vector<T> sum[N];
  for (int n = 0; n < N; ++n) sum[n] = sums[n];
  for (int64_t c = 0; c < channels; ++c) {
    const Vector<T> query = load(queries + c * plane);
    const T* key = keys + c * plane;
    for (int n = 0; n < N; ++n) sum[n] += query * load(key + n);
  }
  for (int n = 0; n < N; ++n) sums[n] = sum[n];
}

template <typename T>
void products_of_row(const T* queries, const T* keys, int64_t channels, int64_t plane,
                     int64_t count, Vector<T>* sums) {
  for (; count >= 8; count -= 5, keys += 5, sums += 5)
    products<T, 5>(queries, keys, channels, plane, sums);
  switch (count) {
    case 1: return products<T, 1>(queries, keys, channels, plane, sums);
    case 2: return products<T, 2>(queries, keys, channels, plane, sums);
    case 3: return products<T, 3>(queries, keys, channels, plane, sums);
    case 4: return products<T, 4>(queries, keys, channels, plane, sums);
    case 5: return products<T, 5>(queries, keys, channels, plane, sums);
    case 6: return products<T, 6>(queries, keys, channels, plane, sums);
    case 7: return products<T, 7>(queries, keys, channels, plane, sums);
  }
}

// To N channels of a vector's places: the sum over the window of weights times `source` there. The
// weights of one position of the window are a plane, `weight_step` after the one before. Queries
// read theirs where they are (`weight_row` and `weight_column` 0); keys gather them at the places of
// the queries that see them.
template <typename T, int N>
void weighted_sums(const T* weights, int64_t weight_step, int64_t weight_row, int64_t weight_column,
                   const T* source, int64_t plane, int64_t row, int64_t column, int64_t extent,
                   T* sums) {
  Vector<T> sum[N];
  for (int n = 0; n < N; ++n) sum[n] = load(sums + n * plane);
  for (int64_t dy = 0; dy < extent; ++dy)
    for (int64_t dx = 0; dx < extent; ++dx) {
      const Vector<T> weight = load(weights + (dy * extent + dx) * weight_step + dy * weight_row +
                                    dx * weight_column);
      const T* from = source + dy * row + dx * column;
      for (int n = 0; n < N; ++n) sum[n] += weight * load(from + n * plane);
    }
  for (int n = 0; n < N; ++n) store(sums + n * plane, sum[n]);
}

template <typename T>
void weighted_sums_of(int64_t channels, const T* weights, int64_t weight_step, int64_t weight_row,
                      int64_t weight_column, const T* source, int64_t plane, int64_t row,
                      int64_t column, int64_t extent, T* sums) {
  int64_t c = 0;
#define SUMS(N)                                                                               \
  for (; c + N <= channels; c += N)                                                           \
  weighted_sums<T, N>(weights, weight_step, weight_row, weight_column, source + c * plane,    \
                      plane, row, column, extent, sums + c * plane)
  SUMS(8);
  SUMS(4);
  SUMS(2);
  SUMS(1);
#undef SUMS
}

// The memory of one thread, for one image and head after the other.
template <typename T>
class Worker {
 public:
  Worker(const Call& call, const Geometry& g, bool backward)
      : call_(call), g_(g), window_(call.extent * call.extent) {
    const int64_t d = call.key_width, e = call.value_width, plane = g.plane();
    queries_.assign(d * plane, 0);
    keys_.assign(call.k.data ? d * plane : 0, 0);
    values_.assign(e * plane, 0);
    out_.assign(e * plane, 0);
    rows_.assign(g.rounded, 0);
    columns_.assign(g.rounded, 0);
    lse_.assign(plane, T(-kOutOfReach));
    for (int64_t i = 0; i < g.rounded; ++i) {
      rows_[i] = T(i / g.pitch);
      columns_[i] = T(i % g.pitch);
    }
    if (!backward) return;
    grad_queries_.assign(d * plane, 0);
    grad_keys_.assign(call.k.data ? d * plane : 0, 0);
    grad_values_.assign(e * plane, 0);
    grad_out_.assign(e * plane, 0);
    probabilities_.assign(window_ * plane, 0);
    slopes_.assign(window_ * plane, 0);
    grad_row_table_.assign(call.extent * call.row_width * kLanes, 0);
    grad_column_table_.assign(call.extent * call.column_width * kLanes, 0);
  }

  void forward(int64_t b, int64_t h) {
    read(b, h);
    const int64_t plane = g_.plane(), reach = g_.radius * g_.pitch + g_.radius;
    std::fill(out_.begin(), out_.end(), T(0));
    alignas(kVectorBytes) T weights[kMaxExtent * kMaxExtent * kLanes];
    for (int64_t i = 0; i < g_.rounded; i += kLanes) {
      Vector<T> logits[kMaxExtent * kMaxExtent];
      find_logits(i, h, logits);
      Vector<T> largest = logits[0];
      for (int64_t s = 1; s < window_; ++s) largest = larger<T>(largest, logits[s]);
      Vector<T> total{};
      for (int64_t s = 0; s < window_; ++s) {
        const Vector<T> weight = exp2<T>(logits[s] - largest);
        total += weight;
        store(weights + s * kLanes, weight);
      }
      T* out = &out_[g_.margin + i];
      weighted_sums_of<T>(call_.value_width, weights, kLanes, 0, 0,
                          &values_[g_.margin + i] - reach, plane, g_.pitch, 1, call_.extent, out);
      const Vector<T> share = T(1) / total;
      for (int64_t c = 0; c < call_.value_width; ++c)
        store(out + c * plane, load(out + c * plane) * share);
      for (int lane = 0; lane < kLanes; ++lane)
        lse_[g_.margin + i + lane] = T((largest[lane] + std::log2(total[lane])) * kLn2);
    }
    unpack<T>(out_.data(), call_.out, b, h, call_.value_width, g_, 1);
    unpack<T>(lse_.data(), call_.lse, b, h, 1, g_, 1);
  }

  void backward(int64_t b, int64_t h) {
    read(b, h);
    const int64_t d = call_.key_width, e = call_.value_width, plane = g_.plane();
    const int64_t reach = g_.radius * g_.pitch + g_.radius, extent = call_.extent;
    pack<T>(call_.out, b, h, e, g_, 1, out_.data());
    pack<T>(call_.grad_out, b, h, e, g_, 1, grad_out_.data());
    pack<T>(call_.lse, b, h, 1, g_, T(1 / kLn2), lse_.data());  // elsewhere it stays huge
    for (auto* zeroed : {&grad_queries_, &grad_keys_, &grad_values_, &grad_row_table_,
                         &grad_column_table_})
      std::fill(zeroed->begin(), zeroed->end(), T(0));
    for (int64_t i = 0; i < g_.rounded; i += kLanes) {
      const int64_t place = g_.margin + i;
      Vector<T> logits[kMaxExtent * kMaxExtent], slopes[kMaxExtent * kMaxExtent];
      find_logits(i, h, logits);
      Vector<T> inner{};
      for (int64_t c = 0; c < e; ++c)
        inner += load(&grad_out_[c * plane + place]) * load(&out_[c * plane + place]);
      const Vector<T> lse = load(&lse_[place]);
      Vector<T> of_rows[kMaxExtent] = {}, of_columns[kMaxExtent] = {};
      for (int64_t dy = 0; dy < extent; ++dy) {
        Vector<T>* row = slopes + dy * extent;
        for (int64_t dx = 0; dx < extent; ++dx) row[dx] = -inner;
        products_of_row<T>(&grad_out_[place], &values_[place] - reach + dy * g_.pitch, e, plane,
                           extent, row);
        for (int64_t dx = 0; dx < extent; ++dx) {
          const int64_t s = dy * extent + dx;
          const Vector<T> probability = exp2<T>(logits[s] - lse);
          row[dx] *= probability;
          of_rows[dy] += row[dx];
          of_columns[dx] += row[dx];
          store(&probabilities_[s * plane + place], probability);
          store(&slopes_[s * plane + place], row[dx]);
        }
      }
      if (call_.k.data)
        weighted_sums_of<T>(d, &slopes_[place], plane, 0, 0, &keys_[place] - reach, plane,
                            g_.pitch, 1, extent, &grad_queries_[place]);
      table_backward(of_rows, call_.rows, h, call_.row_width, 0, place, grad_row_table_.data());
      table_backward(of_columns, call_.columns, h, call_.column_width, call_.columns_from, place,
                     grad_column_table_.data());
    }
    // A key at place j is seen from j - (dy * pitch + dx), whose planes hold its weights there.
    for (int64_t i = 0; i < g_.rounded; i += kLanes) {
      const int64_t place = g_.margin + i;
      weighted_sums_of<T>(e, &probabilities_[place] + reach, plane, -g_.pitch, -1,
                          &grad_out_[place] + reach, plane, -g_.pitch, -1, extent,
                          &grad_values_[place]);
      if (call_.k.data)
        weighted_sums_of<T>(d, &slopes_[place] + reach, plane, -g_.pitch, -1,
                            &queries_[place] + reach, plane, -g_.pitch, -1, extent,
                            &grad_keys_[place]);
    }
    unpack<T>(grad_queries_.data(), call_.grad_q, b, h, d, g_, T(call_.scale));
    if (call_.k.data) unpack<T>(grad_keys_.data(), call_.grad_k, b, h, d, g_, T(kLn2));
    unpack<T>(grad_values_.data(), call_.grad_v, b, h, e, g_, 1);
    write_table(grad_row_table_, call_.row_width, b, h, call_.grad_rows);
    write_table(grad_column_table_, call_.column_width, b, h, call_.grad_columns);
  }

 private:
  static constexpr int kLanes = Simd<T>::kLanes;

  void read(int64_t b, int64_t h) {
    pack<T>(call_.q, b, h, call_.key_width, g_, T(call_.scale / kLn2), queries_.data());
    if (call_.k.data) pack<T>(call_.k, b, h, call_.key_width, g_, 1, keys_.data());
    pack<T>(call_.v, b, h, call_.value_width, g_, 1, values_.data());
  }

  const T* table(void* tables, int64_t h, int64_t width) const {
    return static_cast<const T*>(tables) + (call_.table_heads == 1 ? 0 : h) * call_.extent * width;
  }

  // The logits of one axis's positions, for the queries of a vector.
  void position_logits(int64_t i, int64_t h, void* tables, int64_t width, int64_t from,
                       const std::vector<T>& axis, int64_t length, Vector<T>* logits) const {
    const int64_t extent = call_.extent, plane = g_.plane();
    const Vector<T> position = load(&axis[i]);
    for (int64_t o = 0; o < extent; ++o) {
      Vector<T> sum{};
      if (width) {
        const T* row = table(tables, h, width) + o * width;
        for (int64_t c = 0; c < width; ++c)
          sum += load(&queries_[(from + c) * plane + g_.margin + i]) * row[c];
      }
      if (!call_.border_zeros) {
        const Vector<T> key = position + T(o - g_.radius);
        sum = (key < T(0)) | (key > T(length - 1)) ? splat<T>(T(kOutOfReach)) : sum;
      }
      logits[o] = sum;
    }
  }

  void find_logits(int64_t i, int64_t h, Vector<T>* logits) const {
    const int64_t extent = call_.extent, place = g_.margin + i;
    Vector<T> of_rows[kMaxExtent], of_columns[kMaxExtent];
    position_logits(i, h, call_.rows, call_.row_width, 0, rows_, g_.height, of_rows);
    position_logits(i, h, call_.columns, call_.column_width, call_.columns_from, columns_,
                    g_.width, of_columns);
    for (int64_t dy = 0; dy < extent; ++dy) {
      Vector<T>* row = logits + dy * extent;
      for (int64_t dx = 0; dx < extent; ++dx) row[dx] = of_rows[dy] + of_columns[dx];
      if (call_.k.data)
        products_of_row<T>(&queries_[place],
                           &keys_[place] + (dy - g_.radius) * g_.pitch - g_.radius,
                           call_.key_width, g_.plane(), extent, row);
    }
  }

  void table_backward(const Vector<T>* slopes, void* tables, int64_t h, int64_t width, int64_t from,
                      int64_t place, T* grad) {
    for (int64_t c = 0; c < width; ++c) {
      const int64_t channel = (from + c) * g_.plane() + place;
      const Vector<T> query = load(&queries_[channel]);
      Vector<T> grad_query = load(&grad_queries_[channel]);
      for (int64_t o = 0; o < call_.extent; ++o) {
        T* sum = grad + (o * width + c) * kLanes;
        store(sum, load(sum) + slopes[o] * query);
        grad_query += slopes[o] * table(tables, h, width)[o * width + c];
      }
      store(&grad_queries_[channel], grad_query);
    }
  }

  void write_table(const std::vector<T>& grad, int64_t width, int64_t b, int64_t h, void* tables) {
    const int64_t count = call_.extent * width;
    T* to = static_cast<T*>(tables) + (b * call_.heads + h) * count;
    for (int64_t j = 0; j < count; ++j) {
      T sum = 0;
      for (int lane = 0; lane < kLanes; ++lane) sum += grad[j * kLanes + lane];
      to[j] = T(sum * kLn2);
    }
  }

  const Call& call_;
  const Geometry& g_;
  const int64_t window_;
  std::vector<T> queries_, keys_, values_, out_, rows_, columns_, lse_;
  std::vector<T> grad_queries_, grad_keys_, grad_values_, grad_out_;
  std::vector<T> probabilities_, slopes_, grad_row_table_, grad_column_table_;
};

// 0, or 1 if there is not enough memory.
template <typename T>
int run(const Call& call, bool backward) {
  const Geometry geometry = Geometry::of<T>(call);
  const int64_t units = call.batch * call.heads;
  std::atomic<int> failed{0};
#pragma omp parallel num_threads(int(std::min(call.threads, units)))
  {
    std::unique_ptr<Worker<T>> worker;
    try {  // no exception may leave a parallel region
      worker = std::make_unique<Worker<T>>(call, geometry, backward);
    } catch (const std::bad_alloc&) {
      failed = 1;
    }
#pragma omp for schedule(dynamic)
    for (int64_t unit = 0; unit < units; ++unit) {
      if (!worker) continue;
      const int64_t b = unit / call.heads, h = unit % call.heads;
      backward ? worker->backward(b, h) : worker->forward(b, h);
    }
  }
  return failed;
}

}  // namespace

extern "C" {
int forward_float32(const Call* call) { return run<float>(*call, false); }
int backward_float32(const Call* call) { return run<float>(*call, true); }
int forward_float64(const Call* call) { return run<double>(*call, false); }
int backward_float64(const Call* call) { return run<double>(*call, true); }
}
