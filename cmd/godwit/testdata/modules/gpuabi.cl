/* What gpuabi.c, gpuabi-go.go and gpuabi-rust.rs launch: one of each that can be passed. */
struct pair { char tag; double weight; };

kernel void numbers(global long *o, char a, uchar b, short c, ushort d, int e, uint f, long g, ulong h, float i, double j) {
	o[0] = a; o[1] = b; o[2] = c; o[3] = d; o[4] = e; o[5] = f; o[6] = g; o[7] = h; o[8] = 2*i; o[9] = 4*j;
}

kernel void shapes(global float *o, constant float *t, float4 v, int3 w, uchar16 u, struct pair p, local int *l, global int *none) {
	size_t i = get_global_id(0);
	l[get_local_id(0)] = i;
	barrier(CLK_LOCAL_MEM_FENCE);
	float sum = v.s3 + w.s2 + u.sf + p.tag + (float)p.weight + t[0] + l[0];
	o[i - get_global_offset(0)] = none ? 0 : sum + 1000*get_local_size(0);
}
