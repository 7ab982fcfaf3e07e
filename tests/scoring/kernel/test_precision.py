import logging

import pytest
import torch

from tshirt_assets.scoring.kernel.precision import Precision, resolve_precision

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
FP32, FP16, BF16 = torch.float32, torch.float16, torch.bfloat16


@pytest.mark.parametrize(
    ("wanted", "device", "weights", "name"),
    [
        ("auto", CPU, FP32, "fp32"),
        ("auto", CUDA, FP32, "tf32"),
        ("auto", CUDA, FP16, "fp16"),
        ("auto", CUDA, BF16, "bf16"),
        ("float32", CUDA, FP32, "fp32"),
        ("float16", CUDA, FP32, "fp16"),
        ("bfloat16", CPU, FP32, "bf16"),
        ("fp16", CUDA, FP16, "fp16"),
    ],
)
def test_policy(wanted, device, weights, name):
    assert resolve_precision(wanted, device, weights).name == name


@pytest.mark.parametrize(
    ("wanted", "device", "weights", "remedy"),
    [
        ("int8", CPU, FP32, "use auto or one of"),
        ("tf32", CPU, FP32, "use auto or fp32"),
        ("auto", CPU, BF16, "load it in float32"),
        ("fp16", CPU, FP16, "load it in float32"),
        ("fp32", CUDA, FP16, "load it in float32"),
        ("auto", CUDA, torch.float64, "use auto or one of"),
    ],
)
def test_what_cannot_be_computed_is_refused_with_a_remedy(wanted, device, weights, remedy):
    with pytest.raises(ValueError, match=remedy):
        resolve_precision(wanted, device, weights)


def test_only_bfloat16_warns(caplog):
    with caplog.at_level(logging.WARNING):
        for name in ("fp32", "tf32", "fp16"):
            resolve_precision(name, CUDA, FP32)
        assert not caplog.records
        resolve_precision("bf16", CUDA, FP32)
    assert "robust std" in caplog.text


@pytest.mark.parametrize(("name", "inside"), [("fp32", "highest"), ("tf32", "high")])
def test_process_wide_setting_of_matrix_products_is_put_back(name, inside):
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        with Precision(name, "cpu").matmuls():
            assert torch.get_float32_matmul_precision() == inside
        with pytest.raises(ZeroDivisionError), Precision(name, "cpu").matmuls():
            raise ZeroDivisionError
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision(before)


@pytest.mark.parametrize(("name", "dtype"), [("fp32", FP32), ("fp16", FP16), ("bf16", BF16)])
def test_layers_multiply_in_the_named_format(name, dtype):
    with Precision(name, "cpu").layers():
        product = torch.nn.functional.linear(torch.ones(2, 3), torch.ones(4, 3))
    assert product.dtype == dtype
