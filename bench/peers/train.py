"""The paper's training step with PyTorch; see common.py. Shapes: B batch, C classes, T frames, L
tokens, D width."""
import torch
import torch.nn.functional as F

import common
import tower

TEXT, TEMPORAL = "transformer.resblocks.", "temporalModelling.resblocks."


class Step:
    """A training step; text returns the embeddings [C, E] of the classes."""

    def __init__(self, case):
        self.w, self.case = tower.tensors(common.weights(case)), tower.tensors(common.inputs(case))
        self.adapter = {k: v.requires_grad_() for k, v in tower.tensors(common.load(case + "/adapter.safetensors")).items()}
        self.optimizer = torch.optim.AdamW(self.adapter.values(), lr=1e-4, weight_decay=0.01)
        self.prefix, self.postfix = self.case["prompts"].long().tolist()
        self.names = self.case["names"].long()  # [C, n], padded with -1
        self.lengths = (self.names >= 0).sum(1)
        self.target = self.case["target"].long()
        self.arrange()

    def arrange(self):
        """The token vectors [C, L, D] of the classes, and which positions are tokens."""
        sot, eot = self.case["ends"].long().tolist()
        table, n = self.w["token_embedding.weight"], self.w["positional_embedding"].shape[0]
        self.tokens = torch.zeros(len(self.names), n, table.shape[1])
        self.is_token = torch.zeros(len(self.names), n, 1, dtype=torch.bool)
        self.eot = 1 + self.prefix + self.lengths + self.postfix
        for c, length in enumerate(self.lengths.tolist()):
            at = [0] + list(range(1 + self.prefix, 1 + self.prefix + length)) + [int(self.eot[c])]
            self.tokens[c, at] = table[torch.tensor([sot] + self.names[c, :length].tolist() + [eot])]
            self.is_token[c, at] = True

    def prompted(self):
        """The inputs [C, L, D] of the text tower."""
        return torch.where(self.is_token, self.tokens, self.adapter["embedding.weight"]) + self.w["positional_embedding"]

    def pool(self, x, at):
        return tower.norm(self.w, "ln_final", x[torch.arange(len(x)), at]) @ self.w["text_projection"]

    def text(self):
        return self.pool(tower.blocks(self.w, TEXT, self.prompted(), causal=True), self.eot)

    def run(self):
        self.optimizer.zero_grad(set_to_none=True)
        text, a = self.text(), self.adapter
        x = tower.blocks(a, TEMPORAL, self.case["frames"] + a["temporalEmbedding.weight"])
        logits = F.normalize(x.mean(1), dim=-1) @ F.normalize(text, dim=-1).t() / 0.07
        loss = F.cross_entropy(logits, self.target)
        loss.backward()
        self.optimizer.step()
        return loss.item()


class Shared(Step):
    """The step with the first tokens of all classes encoded once, and none behind the end of the
    longest class."""

    def text(self):
        n, x = 1 + self.prefix, self.prompted()
        first, own = x[:1, :n], x[:, n:int(self.eot.max()) + 1]
        mask = torch.ones(own.shape[1], n + own.shape[1], dtype=torch.bool).tril(n)
        for i in range(tower.count(self.w, TEXT)):
            name = f"{TEXT}{i}"
            q, k, v = tower.keys(self.w, name, own)
            q1, k1, v1 = tower.keys(self.w, name, first)
            k, v = (torch.cat([one.expand(len(own), -1, -1), each], 1) for one, each in ((k1, k), (v1, v)))
            first = tower.rest(self.w, name, first, tower.attend(q1, k1, v1, causal=True))
            own = tower.rest(self.w, name, own, tower.attend(q, k, v, mask))
        return self.pool(own, self.eot - n)


def run(kind, name):
    def peer(case, threads):
        torch.set_num_threads(threads)
        step = kind(case)
        want = float(step.case["loss"])
        found = abs(step.run() - want) / want
        return {"peer": f"PyTorch {torch.__version__}, {name}", "error": found}, step.run, 1
    return peer


common.start({"authors": run(Step, "as the authors"), "shared": run(Shared, "shared prefix")})
