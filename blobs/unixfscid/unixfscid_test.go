package unixfscid

import (
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"github.com/ipfs/go-cid"
	"pgregory.net/rapid"
)

// pattern is a stream of n bytes that no chunking aligns with: the byte at i is
// 31i + 17(i>>8) + 13(i>>16).
type pattern struct{ n, i int64 }

func (p *pattern) Read(b []byte) (int, error) {
	if p.i == p.n {
		return 0, io.EOF
	}
	b = b[:min(int64(len(b)), p.n-p.i)]
	for k := range b {
		x := uint64(p.i) + uint64(k)
		b[k] = byte(x*31 + x>>8*17 + x>>16*13)
	}
	p.i += int64(len(b))
	return len(b), nil
}

type golden struct {
	size int64
	cid  string
}

// The expected values come from boxo v0.43.0: chunker.NewSizeSplitter and
// balanced.Layout with raw leaves, CIDv1 and SHA2-256, over pattern.
var defaults = []golden{
	{0, "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"},
	{1, "bafkreidogqfzz75tpkmjzjke425xqcrmpcib2p5tg44hnbirumdbpl5adu"},
	{ChunkSize - 1, "bafkreigmsinit7yczdhpnkyaa7n3rpxopofkux5xpexix6nldv3y2mdra4"},
	{ChunkSize, "bafkreifyjgtvs2retmuty2fhj5n6cyiwuw5dpphiv57r2ekyjy5v7r4h44"},
	{ChunkSize + 1, "bafybeidods3ofukvywrwox2imhxxjtooa5bolsusougq3s4of55jiqgnpu"},
	{2 * ChunkSize, "bafybeifksaqawzcny6xjyguanx6ux454bf65yh7ny662smu5ahjdbdj76u"},
	{1 << 20, "bafybeiapk5fngf22p3g3ki4jfp62tj6nvzt2zid4qsixxhmw7ty2o2nzxi"},
	{MaxLinks * ChunkSize, "bafybeicuoeqwpkqky7knuivthuh57s7izd4v4gr4s22pz4hcm7eqa4fxky"},
	{MaxLinks*ChunkSize + 1, "bafybeiblr3aijxhejireqreq2yvec57dytt2jmcrrxqzae7rwouroffrgq"},
	{(MaxLinks+1)*ChunkSize + 1, "bafybeicicv5h5xoybgnsvonth5ftf46vnjqxsyebhduwmmuix6z5fpc5dq"},
	{100 << 20, "bafybeiddwsbczf7wokmwtr53euyjvk34cbmcx7dk5tj7epm63lo5jaunrm"},
}

// Chunks of 8 bytes under nodes of 3 links: trees of up to ten levels.
var deep = []golden{
	{0, "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"},
	{8, "bafkreido6rcdfwl6bjhgfkxpf2rlhn44mnyti7bm4chsn6hllzzvygfki4"},
	{9, "bafybeigl2w62nasneipi6pikjnf42zc6xwbpv35xpuuvpmctebefesxwm4"},
	{24, "bafybeie53g6toxx5m7llyjzocbfjxzyoljbqdbd2gmfuy7tpm5wzig3eey"},
	{25, "bafybeihzlbpmixcxcw4ruc42j7reud6n26c5kp4qcptrzxa4muwditv5zu"},
	{72, "bafybeid6ut2jm357btc4y4r2qwuxsqvtgz4n7dpamw7ou2y3aivhdncyu4"},
	{73, "bafybeiejszz64vg2rszeuiiwuh3qlpefoxok3j4bvuozhqm2jzr7osyaku"},
	{80, "bafybeiakniz3gnmdjk4ojrbczyfxywls7j2wtac7votwht37meeuvfayny"},
	{216, "bafybeig4ole6xt73ix3y6mpwxtczszcb73ppsymd4wdfr4bk2usmjanepm"},
	{217, "bafybeifp54dl4vpteqn2hmtviozxrsvf75pqcege3zi6k4xxmt24hrwtlq"},
	{500, "bafybeidrm5kmyrldvmxmgzidc4axjtf257ncnhkamlxw4tl3sfsiy5ltcu"},
	{648, "bafybeihkcnukpius4nfbzhrhoqvatfc6punoeuwnfbtgwouzwwn7lby3u4"},
	{649, "bafybeie5eiyfrko6lewspqe4exexnxycynfxbjtagnq3bnj2wehcilq3iy"},
	{5000, "bafybeig4n65iu2ovsgcncea2n4xwvpidpzrzzedzjiigfap3eeez5ylakq"},
	{100000, "bafybeic5hsk7pbdnjpj55lknduvghsrf7fg6xbajxfzudxztt6hu5f5osu"},
}

func TestSumPrintsWhatIPFSPrints(t *testing.T) {
	for _, g := range defaults {
		if testing.Short() && g.size > 10<<20 {
			continue
		}
		id, size, err := Sum(&pattern{n: g.size})
		check(t, g, id, size, err)
	}
}

func TestDeepTrees(t *testing.T) {
	for _, g := range deep {
		id, size, err := layout{chunk: 8, links: 3}.sum(&pattern{n: g.size})
		check(t, g, id, size, err)
	}
}

func check(t *testing.T, g golden, id cid.Cid, size int64, err error) {
	t.Helper()
	if err != nil || size != g.size || id.String() != g.cid {
		t.Errorf("%d bytes: got %s, %d bytes, error %v; want %s", g.size, id, size, err, g.cid)
	}
}

func TestSumBytesAgreesWithSumHoweverTheStreamIsCut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64Range(0, 3*ChunkSize).Draw(t, "size")
		b, err := io.ReadAll(&pattern{n: n})
		if err != nil {
			t.Fatal(err)
		}
		id, _, err := Sum(iotest.HalfReader(iotest.DataErrReader(&pattern{n: n})))
		if err != nil || !id.Equals(SumBytes(b)) {
			t.Fatalf("got %s, error %v; want %s", id, err, SumBytes(b))
		}
	})
}

func TestAStreamCutShortIsAnError(t *testing.T) {
	for _, cause := range []error{io.ErrUnexpectedEOF, errors.New("disk on fire")} {
		for _, n := range []int64{0, 10, ChunkSize, ChunkSize + 10} {
			id, size, err := Sum(io.MultiReader(&pattern{n: n}, iotest.ErrReader(cause)))
			if !errors.Is(err, cause) || id.Defined() || size != n {
				t.Errorf("%v after %d bytes: got %s, %d, %v", cause, n, id, size, err)
			}
		}
	}
}

func BenchmarkSum(b *testing.B) {
	const size = 8 << 20
	b.SetBytes(size)
	for b.Loop() {
		if _, _, err := Sum(&pattern{n: size}); err != nil {
			b.Fatal(err)
		}
	}
}
