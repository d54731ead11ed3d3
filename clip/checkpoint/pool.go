package checkpoint

import (
	"fmt"
	"slices"
	"strings"
)

// pool is the prefix of an attention pool's tensors.
const pool = "visual.attn_pool."

// unifyPool gives the tensors of an attention pool one set of names, whoever's model it is: probe
// is the learned query, q, kv and out are projections.
func unifyPool(tensors map[string]lazy) error {
	if tensors[pool+"query"].read != nil {
		if err := unifyCoCa(tensors); err != nil {
			return err
		}
	}
	if t, ok := tensors[pool+"probe"]; ok {
		tensors[pool+"probe"] = reshaped(t, 1)
	}
	for _, part := range []string{"weight", "bias"} {
		renamed(tensors, pool+"attn.out_proj."+part, pool+"out."+part)
		name := pool + "attn.in_proj_" + part
		t, ok := tensors[name]
		if !ok {
			continue
		}
		if len(t.shape) == 0 || t.shape[0]%3 != 0 {
			return fmt.Errorf("tensor %q has shape %v, which is not three projections", name, t.shape)
		}
		rows := t.shape[0] / 3
		tensors[pool+"q."+part], tensors[pool+"kv."+part] = rowsOf(t, 0, rows), rowsOf(t, rows, 3*rows)
		delete(tensors, name)
	}
	return nil
}

// unifyCoCa turns the pool of OpenCLIP's CoCa models into such a pool. Only the first of its
// queries counts for the features of an image. Its norm of the queries is constant; its norm of the
// rows takes the place of the tower's last norm, which follows the pool.
func unifyCoCa(tensors map[string]lazy) error {
	query, gain, bias := tensors[pool+"query"], tensors[pool+"ln_q.weight"], tensors[pool+"ln_q.bias"]
	if len(query.shape) != 2 || query.shape[0] < 1 || gain.read == nil || bias.read == nil ||
		!slices.Equal(gain.shape, query.shape[1:]) || !slices.Equal(bias.shape, query.shape[1:]) {
		return fmt.Errorf("tensor %q of shape %v is not the query of an attention pool", pool+"query", query.shape)
	}
	const eps = 1e-5
	tensors[pool+"probe"] = computed(query.shape[1:], func(in [][]float32) []float32 {
		return normalized(in[0], in[1], in[2], eps)
	}, rowsOf(query, 0, 1), gain, bias)
	for _, part := range []string{"weight", "bias"} {
		delete(tensors, pool+"ln_q."+part)
		renamed(tensors, "visual.ln_post."+part, pool+"ln_post."+part)
		renamed(tensors, pool+"ln_k."+part, "visual.ln_post."+part)
	}
	delete(tensors, pool+"query")
	// PyTorch stores separate projections if the widths differ.
	const q, k, v = pool + "attn.q_proj_weight", pool + "attn.k_proj_weight", pool + "attn.v_proj_weight"
	if tensors[q].read == nil {
		return nil
	}
	kv, err := join([]lazy{tensors[k], tensors[v]})
	if err != nil {
		return fmt.Errorf("tensor %q: %w", k, err)
	}
	tensors[pool+"kv.weight"], tensors[pool+"q.weight"] = kv, tensors[q]
	for _, name := range []string{q, k, v} {
		delete(tensors, name)
	}
	return nil
}

// renamed renames a tensor, if there is one.
func renamed(tensors map[string]lazy, from, to string) {
	if t, ok := tensors[from]; ok {
		tensors[to] = t
		delete(tensors, from)
	}
}

// withoutDecoder returns the tensors without those of CoCa's decoder, which writes captions.
func withoutDecoder(tensors map[string]lazy) map[string]lazy {
	for name := range tensors {
		if strings.HasPrefix(name, "text_decoder.") {
			return without(tensors, "text_decoder.")
		}
	}
	return tensors
}
