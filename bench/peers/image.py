"""The image tower with PyTorch, OpenVINO and ONNX Runtime, in float32 and int8; see common.py."""
import os

import numpy

import common

SAMPLES = 4  # batches for calibration: noise, as the measured images


def calibration(case):
    shape = common.inputs(case)["pixels"].shape
    rng = numpy.random.default_rng(1)
    return [rng.standard_normal(shape, numpy.float32) for _ in range(SAMPLES)]


def about(name, got, want, low=False):
    """What a peer prints: int8 has a cosine, float32 an error."""
    found = {"cosine": common.cosine(got, want)} if low else {"error": common.error(got, want)}
    return {"peer": name, **found}


def pytorch(case, threads, compile=False):
    import torch
    import tower
    torch.set_num_threads(threads)
    torch.set_grad_enabled(False)
    data = common.inputs(case)
    pixels = torch.from_numpy(data["pixels"])
    model = tower.Image(tower.tensors(common.weights(case)))
    name = "PyTorch " + torch.__version__
    if compile:
        # Weights are constants of the compiled program, packed for its products.
        from torch._inductor import config
        config.freezing, config.cpp.threads = True, threads
        model = torch.compile(Parameters(model), mode="max-autotune-no-cudagraphs")
        name = "torch.compile " + torch.__version__
    got = model(pixels).numpy()
    return about(name, got, data["features"]), lambda: model(pixels), len(pixels)


def Parameters(model):
    """The module with its tensors as parameters, which freezing needs."""
    import torch

    class Module(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.names = {k: k.replace(".", "_") for k in model.w}
            for k, v in model.w.items():
                self.register_parameter(self.names[k], torch.nn.Parameter(v, requires_grad=False))

        def forward(self, pixels):
            import tower
            return tower.image({k: getattr(self, n) for k, n in self.names.items()}, pixels)

    return Module().eval()


def graph(case):
    """The path of the tower as an ONNX graph, which PyTorch exports."""
    path = os.path.join(case, "image.onnx")
    if not os.path.exists(path):
        import torch
        import tower
        w = tower.tensors(common.weights(case))
        pixels = torch.from_numpy(common.inputs(case)["pixels"])
        with torch.inference_mode():
            torch.onnx.export(tower.Image(w), (pixels,), path + ".tmp", opset_version=17, do_constant_folding=True,
                              input_names=["pixels"], output_names=["features"], dynamo=False)
        os.rename(path + ".tmp", path)
    return path


def openvino_model(case, threads, low=False):
    """The compiled model, and its name."""
    import openvino
    core = openvino.Core()
    path = quantized(case, core) if low else graph(case)
    # Not bfloat16, which is its default on some processors.
    settings = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    model = core.compile_model(core.read_model(path), "CPU", settings)
    kernels = [op.get_rt_info()["primitiveType"].astype(str) for op in model.get_runtime_model().get_ops()]
    wide = [k for k in kernels if "avx512" in k]
    if wide and common.avx2():
        raise SystemExit(f"OpenVINO cannot be limited to AVX2: it uses {wide[0]}")
    return model, "OpenVINO " + openvino.__version__.split("-")[0]


def openvino(case, threads, low=False):
    import openvino
    model, name = openvino_model(case, threads, low)
    data = common.inputs(case)
    request, tensor = model.create_infer_request(), openvino.Tensor(data["pixels"])
    got = request.infer({0: tensor})[0].copy()
    return about(name, got, data["features"], low), lambda: request.infer({0: tensor}), len(got)


def quantized(case, core):
    """The path of the graph with weights and activations quantized by NNCF after training."""
    path = os.path.join(case, "image-nncf.xml")
    if not os.path.exists(path):
        import nncf
        import openvino
        model = nncf.quantize(core.read_model(graph(case)), nncf.Dataset(calibration(case)),
                              model_type=nncf.ModelType.TRANSFORMER, preset=nncf.QuantizationPreset.MIXED,
                              subset_size=SAMPLES)
        openvino.save_model(model, path, compress_to_fp16=False)
    return path


def onnx_session(case, threads, kind=""):
    """The session, and its name."""
    import onnxruntime
    o = onnxruntime.SessionOptions()
    o.intra_op_num_threads, o.inter_op_num_threads = threads, 1
    o.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    path = {"": graph, "dynamic": dynamic, "static": static}[kind](case)
    session = onnxruntime.InferenceSession(path, o, providers=["CPUExecutionProvider"])
    return session, f"ONNX Runtime {onnxruntime.__version__} {kind}".strip()


def onnx(case, threads, kind=""):
    session, name = onnx_session(case, threads, kind)
    data = common.inputs(case)
    feeds = {"pixels": data["pixels"]}
    got = session.run(None, feeds)[0]
    return about(name, got, data["features"], kind != ""), lambda: session.run(None, feeds), len(got)


def prepared(case):
    """The path of the graph with shapes, as quantization needs them."""
    from onnxruntime.quantization.shape_inference import quant_pre_process
    path = os.path.join(case, "image-shapes.onnx")
    if not os.path.exists(path):
        quant_pre_process(graph(case), path)
    return path


def dynamic(case):
    from onnxruntime.quantization import QuantType, quantize_dynamic
    path = os.path.join(case, "image-dynamic.onnx")
    if not os.path.exists(path):
        quantize_dynamic(prepared(case), path, op_types_to_quantize=["MatMul", "Gemm"], per_channel=True, weight_type=QuantType.QInt8)
    return path


def static(case):
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    path = os.path.join(case, "image-static.onnx")

    class Reader(CalibrationDataReader):
        def __init__(self):
            self.batches = iter(calibration(case))

        def get_next(self):
            batch = next(self.batches, None)
            return None if batch is None else {"pixels": batch}

    if not os.path.exists(path):
        quantize_static(prepared(case), path, Reader(), quant_format=QuantFormat.QDQ, per_channel=True,
                        op_types_to_quantize=["MatMul", "Gemm"], activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8)
    return path


if __name__ == "__main__":
    common.start({
        "pytorch": pytorch,
        "compile": lambda *a: pytorch(*a, compile=True),
        "openvino": openvino,
        "openvino-int8": lambda *a: openvino(*a, low=True),
        "onnx": onnx,
        "onnx-dynamic": lambda *a: onnx(*a, "dynamic"),
        "onnx-static": lambda *a: onnx(*a, "static"),
    })
